"""What a table is: keys, indexes, stream, and which log holds which range of partition-key hashes.

A `Table` is a value. The catalog log holds every version of it; each of the table's own logs holds, as Define records, the
versions that were in force there. Field names are stored (as JSON): rename nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from stator.model.key_order import TOKENS, index_key, item_key, local_index_key
from stator.model.positions import LogId, TimestampUs

KeyType = Literal["S", "N", "B"]
Status = Literal["CREATING", "ACTIVE", "DELETING"]
ViewType = Literal["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"]


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """One key attribute: its name and scalar type."""

    name: str
    type: KeyType


@dataclass(frozen=True, slots=True)
class KeySchema:
    """HASH and, maybe, RANGE."""

    partition: KeyAttribute
    sort: KeyAttribute | None = None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """Partition key first."""
        return (self.partition,) if self.sort is None else (self.partition, self.sort)

    @property
    def names(self) -> tuple[str, ...]:
        """The key attributes' names, partition key first."""
        return tuple(attribute.name for attribute in self.attributes)

    def key_of(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The key attributes of an item that has them."""
        return {name: item[name] for name in self.names}

    def item_key(self, item: Mapping[str, Any]) -> bytes:
        """Storage key of an item (or of its key alone)."""
        return item_key(item[self.partition.name], None if self.sort is None else item[self.sort.name])


@dataclass(frozen=True, slots=True)
class Projection:
    """Which attributes an index carries besides the keys."""

    type: Literal["ALL", "KEYS_ONLY", "INCLUDE"]
    include: tuple[str, ...] = ()

    def carried(self, base: KeySchema, key: KeySchema) -> frozenset[str] | None:
        """The attributes in an index with the key `key` of a table with the key `base`; None for all."""
        return None if self.type == "ALL" else frozenset((*base.names, *key.names, *self.include))


@dataclass(frozen=True, slots=True)
class Throughput:
    """Provisioned units a second; both 0 for on-demand."""

    read: int = 0
    write: int = 0


@dataclass(frozen=True, slots=True)
class Partition:
    """The log that holds all keys whose token lies in [first_token, last_token]."""

    log_id: LogId
    first_token: int
    last_token: int


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index: a fold of its own, with its own partitions."""

    name: str
    key: KeySchema
    projection: Projection
    partitions: tuple[Partition, ...] = ()
    throughput: Throughput = Throughput()

    def provided(self, throughput: Throughput) -> "Index":
        """A copy with other provisioned units."""
        return replace(self, throughput=throughput)

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Whether the item has all key attributes of the index, with the right types (sparse index)."""
        return all(attribute.type in item.get(attribute.name, ()) for attribute in self.key.attributes)

    def row_key(self, item: Mapping[str, Any], base_key: bytes) -> bytes:
        """Where the item's row lies; `holds(item)` must be true."""
        sort = None if self.key.sort is None else item[self.key.sort.name]
        return index_key(item[self.key.partition.name], sort, base_key)

    def project(self, item: Mapping[str, Any], base: KeySchema) -> dict[str, Any]:
        """The attributes of the item that the index carries."""
        carried = self.projection.carried(base, self.key)
        return {name: value for name, value in item.items() if carried is None or name in carried}


@dataclass(frozen=True, slots=True)
class LocalIndex:
    """A local secondary index: another order of the items of each partition key, derived in the table's own views.

    Its key has the table's partition key. It reads the items themselves, so that it shows every attribute if asked.
    """

    name: str
    key: KeySchema
    projection: Projection

    def row_key(self, item: Mapping[str, Any], base_key: bytes) -> bytes:
        """Where the item's row lies among those of the index; the item must have the index's sort key."""
        assert self.key.sort is not None
        return local_index_key(item[self.key.sort.name], base_key)


SecondaryIndex = Index | LocalIndex


@dataclass(frozen=True, slots=True)
class Stream:
    """A change stream. The label is new each time a stream is switched on."""

    view_type: ViewType
    label: str


STREAM_RETENTION_US = 24 * 3600 * 1_000_000
"""How long a change can be read from a stream."""


@dataclass(frozen=True, slots=True)
class EndedStream:
    """A change stream that was switched off. What it carried stays readable for a day."""

    view_type: ViewType
    label: str
    ended_us: TimestampUs

    def readable(self, now_us: int) -> bool:
        """Whether what it carried may still be asked for. Source: AWS developer guide, "Disabling a stream"."""
        return now_us - self.ended_us < STREAM_RETENTION_US


@dataclass(frozen=True, slots=True)
class ContinuousBackups:
    """Point-in-time recovery of a table. Off, the archive still keeps 24 hours."""

    enabled: bool = False
    recovery_days: int = 35
    enabled_us: TimestampUs = TimestampUs(0)


@dataclass(frozen=True, slots=True)
class RestoreOrigin:
    """Where a restored table came from, and how far the restore has come."""

    source_table_id: str
    source_table_name: str
    source_partitions: tuple[Partition, ...]
    timestamp_us: TimestampUs
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table at one moment."""

    table_id: str
    name: str
    status: Status
    created_us: TimestampUs
    key: KeySchema
    partitions: tuple[Partition, ...]
    indexes: tuple[Index, ...] = ()
    stream: Stream | None = None
    on_demand: bool = True
    throughput: Throughput = Throughput()
    backups: ContinuousBackups = ContinuousBackups()
    restore: RestoreOrigin | None = None
    deletion_protection: bool = False
    table_class: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    ttl_attribute: str = ""
    """Items whose number in this attribute (seconds since 1970) has passed are deleted; empty: time to live is off."""
    ended_streams: tuple[EndedStream, ...] = ()
    """Streams switched off, the last one last."""
    on_demand_max: Throughput = Throughput()
    """What an on-demand table may use at most; 0: no such limit."""
    on_demand_since_us: TimestampUs = TimestampUs(0)
    """When the table was last switched to on-demand; 0: never since it was made."""
    revision: int = 0
    """Rises with each change that the table's own logs must know of, by a Define. Of two definitions the greater one holds."""
    settled: bool = True
    """In the catalog: whether all of the table's logs have this revision. If not, any control process sees to it."""
    local_indexes: tuple[LocalIndex, ...] = ()
    """In the order of their numbers, which are in derived rows: none is ever put before another or taken away."""

    def index(self, name: str) -> Index | None:
        """The global index of that name."""
        return next((index for index in self.indexes if index.name == name), None)

    def ended_and_readable(self, now_us: int) -> tuple[EndedStream, ...]:
        """The streams that have ended and can still be read, the last one last."""
        return tuple(ended for ended in self.ended_streams if ended.readable(now_us))

    @property
    def secondary_indexes(self) -> tuple[SecondaryIndex, ...]:
        """Global and local ones; their names differ."""
        return (*self.indexes, *self.local_indexes)

    @property
    def logs(self) -> tuple[LogId, ...]:
        """Every log of the table: its own first, then its indexes'."""
        indexed = tuple(partition for index in self.indexes for partition in index.partitions)
        return tuple(partition.log_id for partition in (*self.partitions, *indexed))

    def evolve(self, **changes: Any) -> "Table":
        """A copy with some fields changed."""
        return replace(self, **changes)


def partition_for(partitions: tuple[Partition, ...], token: int) -> Partition:
    """The partition that holds a token. Ranges cover the token space once, in ascending order."""
    low, high = 0, len(partitions) - 1
    while low < high:
        middle = (low + high) // 2
        if token > partitions[middle].last_token:
            low = middle + 1
        else:
            high = middle
    return partitions[low]


def even_partitions(log_ids: tuple[LogId, ...]) -> tuple[Partition, ...]:
    """Cut the token space into equal ranges, one per log."""
    count = len(log_ids)
    bounds = [TOKENS * number // count for number in range(count + 1)]
    return tuple(
        Partition(log_id, first, following - 1)
        for log_id, first, following in zip(log_ids, bounds, bounds[1:], strict=False)
    )
