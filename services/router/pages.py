"""What Query and Scan have in common: which index is read, what of it is shown, and the answer that a page becomes."""

from collections.abc import Iterable
from typing import Any

from stator.model.errors import ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.model.tables import Index, KeySchema, LocalIndex, SecondaryIndex, Table
from stator.rules.capacity import read_units
from stator.rules.commands import LocalRead, Page

from .http_messages import Response, Usage
from .response_bodies import array, consumed, spliced


def index_of(table: Table, name: str | None, *, strong: bool) -> SecondaryIndex | None:
    """The index that a request names, or None for the table itself. Raises ValidationError."""
    if name is None:
        return None
    index = next((index for index in table.secondary_indexes if index.name == name), None)
    if index is None:
        raise ValidationError(f"The table does not have the specified index: {name}")
    if strong and not isinstance(index, LocalIndex):
        raise ValidationError("Consistent reads are not supported on global secondary indexes")
    return index


def local_read(
    request: dict[str, Any], table: Table, index: SecondaryIndex | None, shown: Iterable[str]
) -> LocalRead | None:
    """How a partition reads the local index of a request, or None when it reads something else.

    `shown`: what the projection mentions. What the index does not carry of it is fetched from the table.
    """
    if not isinstance(index, LocalIndex):
        return None
    carried = index.projection.carried(table.key, index.key)
    whole = carried is not None and (request.get("Select") == "ALL_ATTRIBUTES" or not carried.issuperset(shown))
    return LocalRead(table.local_indexes.index(index), carried, whole)


def only_counts(request: dict[str, Any], index: SecondaryIndex | None, *, projected: bool) -> bool:
    """Whether Select asks for nothing but counts. Raises ValidationError when it does not go with the rest of the request."""
    select = request.get("Select")
    if projected and select not in {None, "SPECIFIC_ATTRIBUTES"}:
        member = "ProjectionExpression" if "ProjectionExpression" in request else "AttributesToGet"
        raise ValidationError(f"Cannot specify the {member} when choosing to get {_wanted(select)}")
    if select == "SPECIFIC_ATTRIBUTES" and not projected:
        raise ValidationError(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise ValidationError("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if select == "ALL_ATTRIBUTES" and isinstance(index, Index) and index.projection.type != "ALL":
        raise ValidationError(
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary"
            f" index {index.name} because its projection type is not ALL"
        )
    return select == "COUNT"


def _wanted(select: str) -> str:
    return "only the Count" if select == "COUNT" else select


def page_answer(
    request: dict[str, Any], table: Table, index: SecondaryIndex | None, page: Page, *, count_only: bool, strong: bool
) -> Response:
    """The answer with a page of the table, or of an index of it."""
    last = None if page.last is None else encode_image(_place(decode_image(page.last), table.key, index))
    units = read_units(page.bytes_read, strong=strong)
    fetched = float(page.fetched_units) if strong else page.fetched_units / 2
    mode = request.get("ReturnConsumedCapacity")
    capacity = consumed(mode, table, units) if index is None else consumed(mode, table, fetched, {index.name: units})
    # A local index uses its table's capacity, and has no meters of its own.
    name = index.name if isinstance(index, Index) else ""
    return spliced(
        ("Items", None if count_only else array(page.images)),
        ("Count", b"%d" % page.count),
        ("ScannedCount", b"%d" % page.scanned),
        ("LastEvaluatedKey", last),
        ("ConsumedCapacity", capacity),
        usage=(Usage(table.name, name, units + fetched, items=page.count),),
    )


def _place(item: Item, key: KeySchema, index: SecondaryIndex | None) -> Item:
    names = dict.fromkeys((*key.names, *(() if index is None else index.key.names)))
    return {name: item[name] for name in names}
