"""One lane of an index log: what one source partition does to one index partition (protocol R15).

    IDLE --claim()--> CLAIMING --own Claim accepted--> WRITING --append in doubt, or fenced--> FAILED

A lane has no task and waits for nothing: its owner claims, appends, lets it `tick`, and looks at `failure`.
While a record is on its way, rows gather for the next one (a group commit: under load an index log gets few, large records).
Not to break: nothing counts as done because an append was reported; only the process's own reader of the index log
confirms, for a lane's records lie between those of other lanes (the slow path of R6).
"""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

import structlog

from stator.codec.log_records import (
    CLAIM,
    INDEX_ROWS,
    PROGRESS,
    decode_claim,
    encode_claim,
    encode_envelope,
    encode_index_batch,
    encode_progress,
    fingerprint,
)
from stator.model.errors import DomainError, LogError, NotLeaderError
from stator.model.positions import Epoch, LaneId, LaneState, LogId, Offset, Seq, TimestampUs, WriterId
from stator.model.records import Envelope, IndexBatch, IndexRow, Kind, SourcePosition, source_position
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.acceptance import chain_after
from stator.rules.append_patience import Patience

from .index_log import IndexLog

_log = structlog.get_logger()

BATCH_BYTES_MAX = 1024 * 1024
"""Rows in one index record, unless a single row has more."""


class State(Enum):
    """Where a lane stands with this process."""

    IDLE = "idle"
    CLAIMING = "claiming"
    WRITING = "writing"
    FAILED = "failed"


class _Sent(NamedTuple):
    seq: Seq
    size_bytes: int
    sent_at: float
    completes: SourcePosition | None


class Lane:
    """A hold on one lane. Good for one leadership; after a failure its owner makes a new one."""

    def __init__(
        self,
        index_log: IndexLog,
        source: LogId,
        node: str,
        log: Log,
        clock: Clock,
        ids: IdSource,
        patience: Patience,
        changed: Callable[[], None],
    ) -> None:
        """`patience`: how long a Claim may stay unread before a higher one is sent, and a record before the lane is in doubt.
        `changed` is called when the lane was claimed, a record was confirmed, or the lane failed.
        """
        self.state = State.IDLE
        self.failure: DomainError | None = None
        """NotLeaderError: somebody else claimed. LogError: an append is in doubt. DamagedDataError: give up."""
        self.written = SourcePosition()
        """Everything of the source up to here has been appended, or gathers for the next append."""
        self.confirmed = SourcePosition()
        """Everything of the source up to here is in the index log for good."""
        self.written_at = clock.monotonic()
        self.unconfirmed_bytes = 0
        self._index_log = index_log
        self._lane = LaneId(source)
        self._node = node
        self._log = log
        self._clock = clock
        self._ids = ids
        self._changed = changed
        self._epoch = Epoch(0)
        self._writer = WriterId(0)
        self._patience = patience
        self._claimed_at = 0.0
        self._claim_patience_ends = 0.0
        self._seq = Seq(0)
        self._chain = 0
        self._in_flight: deque[_Sent] = deque()
        self._gathered: list[IndexRow] = []
        self._gathered_bytes = 0
        self._gathered_us = TimestampUs(0)
        index_log.watch(self._lane, self)

    def close(self) -> None:
        """Let go: hear nothing more. What is in flight may still land."""
        self._index_log.unwatch(self._lane, self)

    # --- claiming --------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Send a Claim, one that is higher than all that are known. The index log should have been read to its end."""
        state = self._index_log.lane(self._lane)
        self.state = State.CLAIMING
        self._epoch = self._index_log.next_epoch(self._lane)
        self._writer = WriterId(self._ids.bits64())
        self._claimed_at = self._clock.monotonic()
        self._claim_patience_ends = self._claimed_at + self._patience.seconds + self._ids.jitter(0.05, 0.5)
        timestamp_us = TimestampUs(self._clock.now_us())
        raw = self._envelope(Kind.CLAIM, Seq(0), state.chain, timestamp_us, CLAIM, encode_claim(self._node))
        self._log.append(self._index_log.log_id, raw, _ignore)

    # --- writing ---------------------------------------------------------------------------------------------

    def put(self, rows: Sequence[IndexRow], source: SourcePosition, timestamp_us: TimestampUs, *, last: bool) -> None:
        """Append rows that come from the source record at `source`; `last`: nothing more comes from that record."""
        if self.state is not State.WRITING:
            return  # whoever appends hears of the failure at its next wait
        size_bytes = sum(len(row.key) + len(row.image or b"") for row in rows)
        if not last or self._gathered_bytes + size_bytes > BATCH_BYTES_MAX:
            self._flush()
        if last and self._in_flight:
            self._gathered.extend(rows)
            self._gathered_bytes += size_bytes
            self.unconfirmed_bytes += size_bytes
            self._gathered_us = timestamp_us
            self.written = source
        else:
            self._append_rows(rows, source, timestamp_us, last=last)

    def progress(self, source: SourcePosition, timestamp_us: TimestampUs) -> None:
        """Append that nothing more comes from the source up to `source`."""
        if self.state is not State.WRITING:
            return
        if self._gathered:  # they will say so
            self.written = source
            self._gathered_us = timestamp_us
        else:
            self._append(Kind.PROGRESS, PROGRESS, encode_progress(source), timestamp_us, source)

    def _flush(self) -> None:
        if self._gathered:
            rows, self._gathered = self._gathered, []
            self.unconfirmed_bytes -= self._gathered_bytes
            self._gathered_bytes = 0
            self._append_rows(rows, self.written, self._gathered_us, last=True)

    def _append_rows(
        self, rows: Sequence[IndexRow], source: SourcePosition, timestamp_us: TimestampUs, *, last: bool
    ) -> None:
        payload = encode_index_batch(IndexBatch(source, last, tuple(rows)))
        self._append(Kind.INDEX, INDEX_ROWS, payload, timestamp_us, source if last else None)

    def _append(
        self, kind: Kind, schema: str, payload: bytes, timestamp_us: TimestampUs, completes: SourcePosition | None
    ) -> None:
        self._seq = Seq(self._seq + 1)
        raw = self._envelope(kind, self._seq, self._chain, timestamp_us, schema, payload)
        self._chain = chain_after(self._chain, raw)
        now = self._clock.monotonic()
        self._in_flight.append(_Sent(self._seq, len(raw), now, completes))
        self.unconfirmed_bytes += len(raw)
        self.written_at = now
        if completes is not None:
            self.written = completes
        self._log.append(self._index_log.log_id, raw, partial(self._reported, self._seq))

    def _envelope(
        self, kind: Kind, seq: Seq, chain: int, timestamp_us: TimestampUs, schema: str, payload: bytes
    ) -> bytes:
        return encode_envelope(
            kind,
            self._index_log.log_id,
            self._lane,
            self._epoch,
            self._writer,
            seq,
            chain,
            timestamp_us,
            fingerprint(schema),
            payload,
        )

    # --- what becomes of it ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at the clock: claim again, or doubt what has been in flight for too long."""
        now = self._clock.monotonic()
        if self.state is State.CLAIMING and now >= self._claim_patience_ends:
            self._patience.ran_out()
            self.claim()
        elif self.state is State.WRITING and self._in_flight:
            waited_s = now - self._in_flight[0].sent_at
            if waited_s >= self._patience.seconds:
                self._patience.ran_out()
                self.failed(
                    LogError(f"index log {self._index_log.log_id}: an append was not seen for {waited_s:.0f} s")
                )

    def accepted(self, record: Envelope, state: LaneState) -> None:
        """See `LaneWatcher.accepted`."""
        if record.kind is Kind.CLAIM:
            self._claim_accepted(record, state)
        elif record.writer == self._writer and self.state is State.WRITING:
            while self._in_flight and self._in_flight[0].seq <= record.seq:
                sent = self._in_flight.popleft()
                self.unconfirmed_bytes -= sent.size_bytes
                self._patience.took(self._clock.monotonic() - sent.sent_at)
                if sent.completes is not None:
                    self.confirmed = sent.completes
            if not self._in_flight:
                self._flush()
            self._changed()

    def _claim_accepted(self, record: Envelope, state: LaneState) -> None:
        if record.writer == self._writer and self.state is State.CLAIMING:
            self.state = State.WRITING
            self._chain = state.chain
            self.written = self.confirmed = source_position(state)
            self.written_at = self._clock.monotonic()
            self._patience.took(self.written_at - self._claimed_at)
            self._changed()
        elif record.epoch >= self._epoch:
            self.failed(NotLeaderError(decode_claim(record)))
        # An older Claim, somebody's or our own: ours is still on its way, and higher.

    def _reported(self, seq: Seq, _offset: Offset | None, error: LogError | None) -> None:
        if error is not None and self._in_flight and seq >= self._in_flight[0].seq:
            self.failed(error)

    def failed(self, error: DomainError) -> None:
        """See `LaneWatcher.failed`."""
        if self.state in {State.CLAIMING, State.WRITING}:
            self.state = State.FAILED
            self.failure = error
            self._changed()


def _ignore(_offset: Offset | None, _error: LogError | None) -> None:
    """A Claim's outcome is what the log says: it is read, or a higher one is sent."""
