"""A change stream as values: its shards, points in them, and what is handed to a change topic."""

from dataclasses import dataclass

from stator.model.positions import LogId, Offset
from stator.model.tables import Stream, Table


@dataclass(frozen=True, slots=True, order=True)
class ChangePoint:
    """A point between the changes of one log: just before the `index`-th effect (from 0) of the message at `offset`."""

    offset: Offset
    index: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """What one of a table's logs contributes to one of its streams.

    `ended`: the stream was switched off, and the log knows it, wherever in it that is.
    """

    table: Table
    stream: Stream
    partition: int
    ended: bool = False

    @property
    def log_id(self) -> LogId:
        """The log that the changes come from."""
        return self.table.partitions[self.partition].log_id


@dataclass(frozen=True, slots=True)
class ShardCursor:
    """Where to read on in a shard. `hint` is the history's own, to get there without a search; one it cannot use is passed over."""

    point: ChangePoint
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ChangeMessage:
    """One message for one partition of a topic."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ChangeProgress:
    """Everything of a log below `next_offset` is published. `state` is what the publisher needs to go on from there."""

    next_offset: Offset
    state: str
