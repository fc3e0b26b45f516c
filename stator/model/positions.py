"""Places in a log, as types of their own so that one is never taken for another.

An `Offset` is where a message lies in its log (Kafka's numbering: from 0, gaps impossible on our topics).
`Epoch`, `WriterId` and `Seq` are Claim-Chain-Confirm's fence (docs/protocol.md): who may write, in which order.
"""

from typing import NewType

import msgspec

LogId = NewType("LogId", int)
"""Names one log for ever; see `CATALOG_LOG` and `LEDGER_LOG`. Never reused."""
Offset = NewType("Offset", int)
Epoch = NewType("Epoch", int)
WriterId = NewType("WriterId", int)
"""Random per claim, so that two processes that claim the same epoch can be told apart."""
Seq = NewType("Seq", int)
LaneId = NewType("LaneId", int)
"""A base log has the one lane 0; an index log has a lane per source log, numbered by the source's `LogId` (R15)."""
TimestampUs = NewType("TimestampUs", int)
"""Microseconds since 1970 UTC, given by the leader: max(previous + 1, clock)."""

CATALOG_LOG = LogId(0)
LEDGER_LOG = LogId(99_999_999)
"""What became of transactions over several partitions (decision 0018). Tables' logs are numbered from 1 up."""
COMMON_LOGS = (CATALOG_LOG, LEDGER_LOG)
"""Those of no table. Every deployment has them from its first start on."""
OWN_LANE = LaneId(0)


class LaneState(msgspec.Struct, frozen=True):
    """R1's state for one lane: the writer in force, its last accepted seq, the chain hash after that record."""

    epoch: Epoch = Epoch(0)
    writer: WriterId = WriterId(0)
    seq: Seq = Seq(0)
    chain: int = 0
    source_offset: int = -1
    """Index lanes only: everything of the source up to and including this offset has been applied."""
    source_lane: "LaneState | None" = None
    """Index lanes only: R1's state of the source behind that offset, so that a worker reads on from there."""


class OpenPrepare(msgspec.Struct, frozen=True):
    """A Prepare that neither Commit nor Abort has followed yet. `raw` is the whole record, from which its locks are known again."""

    txid: bytes
    prepared_us: TimestampUs
    raw: bytes


class Mark(msgspec.Struct, frozen=True):
    """What everything below `offset` of a log comes to: the same for whoever folds it. The totals are those of `LogPosition`."""

    offset: Offset
    digest: int
    items: int
    item_bytes: int


class LogPosition(msgspec.Struct, frozen=True):
    """How far a fold has come. Stored in the same transaction as what it folded (R3).

    `timestamp_us` is the greatest seen; `closed_us`: no later effect of this log can carry this timestamp or a smaller one.
    `digest` is the order-independent sum of the hashes of all items in the view, modulo 2**128.
    """

    next_offset: Offset = Offset(0)
    lanes: dict[LaneId, LaneState] = msgspec.field(default_factory=dict)
    timestamp_us: TimestampUs = TimestampUs(0)
    closed_us: TimestampUs = TimestampUs(0)
    digest: int = 0
    items: int = 0
    item_bytes: int = 0
    """Count and summed DynamoDB-size of the images in the view, for DescribeTable."""
    definition: bytes = b""
    """The last `Define` seen: the table as it was at this position, in canonical JSON."""
    base: str = ""
    """The snapshot object that the log's Base record installed, if it had one."""
    base_offset: Offset = Offset(-1)
    """Where that Base record lies."""
    prepares: tuple[OpenPrepare, ...] = ()
    """Transactions that are under way here, in the order of the log."""
    marks: tuple[Mark, ...] = ()
    """Taken on the way (`rules/stamps.py`) and not compared with a stamp of the log's yet; the newest is the last."""

    def lane(self, lane: LaneId = OWN_LANE) -> LaneState:
        """The lane's state; a lane never seen is at epoch 0, which no writer holds."""
        return self.lanes.get(lane, _UNCLAIMED)


_UNCLAIMED = LaneState()
