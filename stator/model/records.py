"""Log records as values: the frozen envelope v1, and what the payloads of its kinds mean.

The envelope is enough for acceptance and chain checks (R1, R2); a reader that does not know a payload's schema can still
tell which records count. Bytes are `codec/log_records.py`'s business.
"""

from enum import IntEnum

import msgspec
from msgspec.structs import replace

from stator.model.positions import Epoch, LaneId, LaneState, LogId, Offset, Seq, TimestampUs, WriterId


class Kind(IntEnum):
    """What a record is. Numbers are in the log for ever; 7 is kept for a partition's split.

    A record of a kind that is not here ends the reading: nobody may pass over what a newer release wrote.
    """

    CLAIM = 1
    EFFECT = 2
    BARRIER = 3
    PREPARE = 4
    COMMIT = 5
    ABORT = 6
    RELEASE = 8
    DEFINE = 9
    BASE = 10
    INDEX = 11
    """On an index lane: rows to put and delete, with the source offset they complete."""
    PROGRESS = 12
    """On an index lane: nothing to do up to this source offset."""


class Envelope(msgspec.Struct, frozen=True):
    """One message of a log. `raw` is the whole of it, `prev_chain` what the writer believed the chain to be before it."""

    kind: Kind
    log_id: LogId
    lane: LaneId
    epoch: Epoch
    writer: WriterId
    seq: Seq
    prev_chain: int
    timestamp_us: TimestampUs
    schema: int
    payload: bytes
    raw: bytes


class LogMessage(msgspec.Struct, frozen=True):
    """What a log hands out: bytes and where they lie."""

    offset: Offset
    data: bytes


class Effect(msgspec.Struct, frozen=True):
    """What one write did to one item. `old` and `new` are canonical DynamoDB-JSON bytes; None is "no item".

    `key` is the item's storage key (`model/key_order.py`). The timestamp is also the item's version: per item it only rises.
    `request_id` is the client's token for recognising a retry (`rules/repeats.py`: one that was sent before leaves an effect even
    where the item stays as it is); `origin` is empty, or says which service wrote (TTL).
    """

    key: bytes
    old: bytes | None
    new: bytes | None
    timestamp_us: TimestampUs
    request_id: str = ""
    origin: str = ""


class Preparation(msgspec.Struct, frozen=True):
    """A partition's part in a transaction over several, ready to be committed at `prepared_us` or later (R14).

    The effects carry `prepared_us` until a Commit gives them their own timestamp. `checked`: keys of items that the
    transaction keeps as they are. `token` is the client's, "" if there was none.
    """

    txid: bytes
    participants: tuple[LogId, ...]
    token: str
    prepared_us: TimestampUs
    effects: tuple[Effect, ...]
    checked: tuple[bytes, ...]

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Every item that nobody else may change meanwhile."""
        return (*(effect.key for effect in self.effects), *self.checked)


class Commit(msgspec.Struct, frozen=True):
    """The end of the Preparation of `prepared_us`: its effects, which now carry the transaction's commit time."""

    txid: bytes
    prepared_us: TimestampUs
    commit_us: TimestampUs
    effects: tuple[Effect, ...]


class Abort(msgspec.Struct, frozen=True):
    """The end of the Preparation of `prepared_us`: nothing of it was done."""

    txid: bytes
    prepared_us: TimestampUs


class Base(msgspec.Struct, frozen=True):
    """The log starts from an installed snapshot: everything in `snapshot_object`, as of `timestamp_us`."""

    snapshot_object: str
    sha256: bytes
    digest: int
    timestamp_us: TimestampUs


class IndexRow(msgspec.Struct, frozen=True):
    """One row of an index to put (`image` set) or delete (`image` None), by its index key."""

    key: bytes
    image: bytes | None
    timestamp_us: TimestampUs


class SourcePosition(msgspec.Struct, frozen=True):
    """How far an index lane has come in its source: everything up to and including `offset` is done.

    `lane` is R1's state of the source behind that offset: a worker reads on from there and needs nothing before it.
    """

    offset: Offset = Offset(-1)
    lane: LaneState = msgspec.field(default_factory=LaneState)


def source_reached(lane: LaneState, source: SourcePosition) -> LaneState:
    """An index lane's state once everything up to `source` has been applied."""
    return replace(lane, source_offset=source.offset, source_lane=source.lane)


def source_position(lane: LaneState) -> SourcePosition:
    """How far an index lane has come in its source."""
    return SourcePosition(Offset(lane.source_offset), lane.source_lane or LaneState())


class IndexBatch(msgspec.Struct, frozen=True):
    """What one record of the source log, or several in a row, do to one index partition.

    `last` is False while more batches for the same source offset follow (a Base is backfilled in many);
    the lane's high-water mark moves only on the last one.
    """

    source: SourcePosition
    last: bool
    rows: tuple[IndexRow, ...]
