"""What a change of one item means for one secondary index. Pure: the same function runs under Faust, in standalone, in the
simulator and in a rebuild.
"""

from stator.model.errors import ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.model.records import Effect, IndexRow
from stator.model.tables import Index, KeySchema
from stator.rules.key_checks import check_index_key


def index_changes(effect: Effect, index: Index, base: KeySchema) -> tuple[IndexRow, ...]:
    """The index rows to remove and add.

    An unchanged projection gives an empty tuple. A removal comes first, so applying the tuple in order never shows two rows
    for one item. Items without all of the index's key attributes, or with values that no key may have, are not in it.
    Source: AWS developer guide, "Global secondary indexes: attribute projections", "sparse indexes".
    """
    before = index_row(effect.key, effect.old, index, base)
    after = index_row(effect.key, effect.new, index, base)
    if before == after:
        return ()
    rows = []
    if before is not None and (after is None or after[0] != before[0]):
        rows.append(IndexRow(before[0], None, effect.timestamp_us))
    if after is not None:
        rows.append(IndexRow(after[0], after[1], effect.timestamp_us))
    return tuple(rows)


def index_row(base_key: bytes, image: bytes | None, index: Index, base: KeySchema) -> tuple[bytes, bytes] | None:
    """Key and image of the row that an item has in an index, or None when it has none."""
    if image is None:
        return None
    item: Item = decode_image(image)
    if not _belongs(item, index):
        return None
    return index.row_key(item, base_key), encode_image(index.project(item, base))


def _belongs(item: Item, index: Index) -> bool:
    # Writes are checked before they are logged; but a row that no view can hold would stop every view of the index.
    if not index.holds(item):
        return False
    try:
        check_index_key(index, item)
    except ValidationError:
        return False
    return True
