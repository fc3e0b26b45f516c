"""What a write costs the indexes of its table. Pure, from the item before and after: the rows themselves may be written later.

Source: AWS developer guide, "Provisioned throughput considerations" for global and for local secondary indexes.
"""

from collections.abc import Iterable
from typing import Any

from stator.model.attributes import item_size
from stator.model.item import Item
from stator.model.tables import Table
from stator.rules.capacity import write_units
from stator.rules.commands import MeasuredIndex


def measured_indexes(table: Table) -> list[MeasuredIndex]:
    """What a partition has to know of a table's indexes to count what a write costs them."""
    return [
        MeasuredIndex(index.name, index.key.names, index.projection.carried(table.key, index.key))
        for index in table.secondary_indexes
    ]


def index_units(indexes: Iterable[MeasuredIndex], before: Item | None, after: Item | None) -> dict[str, float]:
    """Write units by index name, of those indexes that have anything to write.

    A row that comes, goes, or changes in place is one write; one whose key changes goes and comes.
    """
    units = {index.name: _units(index, _row(index, before), _row(index, after)) for index in indexes}
    return {name: spent for name, spent in units.items() if spent}


def _row(index: MeasuredIndex, item: Item | None) -> Item | None:
    if item is None or any(name not in item for name in index.key):
        return None
    return item if index.carried is None else {name: item[name] for name in item if name in index.carried}


def _units(index: MeasuredIndex, before: Item | None, after: Item | None) -> float:
    if before == after:
        return 0.0
    sizes = [item_size(row) for row in (before, after) if row is not None]
    if before is not None and after is not None and _key(index, before) == _key(index, after):
        return write_units(max(sizes))
    return sum(map(write_units, sizes))


def _key(index: MeasuredIndex, row: Item) -> list[Any]:
    return [row[name] for name in index.key]
