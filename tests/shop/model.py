"""The shop as a plain dict: what table, indexes and change stream must show. It knows nothing of how Stator works."""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.shop.changes import Change, Item, Key

ImagePair = tuple[Item | None, Item | None]


@dataclass(frozen=True, slots=True)
class IndexModel:
    """A sparse index: items that have both key attributes, cut down to `include` (None: whole)."""

    name: str
    partition: str
    sort: str
    include: tuple[str, ...] | None

    def rows(self, items: dict[Key, Item]) -> dict[Key, Item]:
        """What the index shows of a table's items, by primary key."""
        return {key: self._shown(item) for key, item in items.items() if self.partition in item and self.sort in item}

    def _shown(self, item: Item) -> Item:
        if self.include is None:
            return item
        names = {"pk", "sk", self.partition, self.sort, *self.include}
        return {name: value for name, value in item.items() if name in names}


INDEXES = (
    IndexModel("orders-by-status", "status", "placed_at", None),
    IndexModel("lines-by-product", "product", "placed_at", ("quantity", "unit_price")),
)


@dataclass(slots=True)
class Model:
    """Items now, and every change that made them, in order per key."""

    items: dict[Key, Item] = field(default_factory=dict)
    history: defaultdict[Key, list[ImagePair]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, change: Change) -> None:
        """Do what the change means. A change that leaves the item as it was is no event."""
        before = self.items.get(change.key)
        after = change.after(before)
        if before == after:
            return
        self.history[change.key].append((before, after))
        if after is None:
            del self.items[change.key]
        else:
            self.items[change.key] = after

    def partition_keys(self) -> list[str]:
        """Every partition key that was ever used: also those where nothing may be left."""
        return sorted({partition for partition, _ in self.history})
