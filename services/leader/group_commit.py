"""Many writes, one append: batches on their way into the log, and which of them are confirmed.

A batch is open while the log is busy and is cut as soon as the log can take it, so under load its size follows the log's
pace and never a timer. One batch is one record, hence atomic. Confirmation is rule R6: record s counts once s-1 does and its
report names the very next offset, or once our own reader has accepted it. Nothing else is proof, least of all a bare success.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from stator.codec.log_records import EFFECTS, encode_effects, encode_envelope, fingerprint
from stator.model.errors import LogError
from stator.model.positions import OWN_LANE, LaneState, LogId, Offset, Seq, TimestampUs
from stator.model.records import Effect, Kind
from stator.ports.log import MESSAGE_BYTES_MAX, Log
from stator.rules.acceptance import chain_after
from stator.rules.append_patience import Patience

from .append_meter import AppendMeter
from .lease import Lease, Waiting

BATCH_BYTES_MAX = 1024 * 1024
"""Images in one batch, before it is closed and the next one opened. A single larger request is a batch of its own."""

RECORD_BYTES_MAX = MESSAGE_BYTES_MAX // 2
"""Images that one request may put into a record: whatever else that holds, the log must be able to take it."""

IN_FLIGHT_MAX = 1
"""Batches appended and not yet confirmed. Measured on three brokers: more of them only makes batches smaller, since a broker
takes one produce request of a connection at a time (1,430 appends/s with one request in flight, 710 with five)."""


@dataclass(slots=True)
class Batch:
    """What will be, or is, one record of the log."""

    seq: Seq
    timestamp_us: TimestampUs
    """Of the newest effect, or of the moment the batch was opened: rises from batch to batch, whenever they are cut."""
    effects: list[Effect] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    image_bytes: int = 0
    special: tuple[Kind, int, bytes] | None = None
    """Kind, schema and payload of a record that is not simply effects (or, without any, a barrier)."""
    offset: Offset | None = None
    sent_at: float = 0.0
    began_at: float = 0.0
    """The same by the process's own clock, taken before: what it gives of a lease is counted from here (R9)."""


class GroupCommit:
    """The batches of one leadership. Made anew for each epoch; `close` gives back what was never confirmed."""

    def __init__(
        self,
        log: Log,
        log_id: LogId,
        lane: LaneState,
        claim_offset: Offset,
        timestamp: Callable[[], TimestampUs],
        on_doubt: Callable[[], None],
        meter: AppendMeter,
        lease: Lease,
        patience: Patience,
    ) -> None:
        self.confirmed_seq = Seq(0)
        self.confirmed_offset = claim_offset
        self._log = log
        self._log_id = log_id
        self._lane = lane
        self._chain = lane.chain
        self._timestamp = timestamp
        self._on_doubt = on_doubt
        self._meter = meter
        self._lease = lease
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._open: deque[Batch] = deque()
        self._in_flight: deque[Batch] = deque()
        self._effects: dict[Seq, list[Effect]] = {}
        self._next_seq = Seq(1)
        self._cut_scheduled = False
        self._held = False

    # --- filling ---------------------------------------------------------------------------------------------

    def open_batch(self, image_bytes: int = 0) -> Batch:
        """The batch that the next effect or read joins."""
        if self._open:
            batch = self._open[-1]
            if batch.special is None and batch.image_bytes + image_bytes <= BATCH_BYTES_MAX:
                return batch
            if batch.special is None and not batch.effects:
                return batch
        return self._new_batch()

    def add(self, effects: Sequence[Effect], waiting: Waiting) -> Seq:
        """Put what one request changes into the open batch, all of it; the record that will carry it."""
        image_bytes = sum(len(effect.old or b"") + len(effect.new or b"") for effect in effects)
        batch = self.open_batch(image_bytes)
        batch.effects.extend(effects)
        batch.timestamp_us = effects[-1].timestamp_us
        batch.image_bytes += image_bytes
        batch.waiting.append(waiting)
        return batch.seq

    def join(self, waiting: Waiting) -> None:
        """Answer once a record sent from now on is confirmed: a barrier read (R10). An empty batch becomes a Barrier."""
        self.open_batch().waiting.append(waiting)

    def follow(self, seq: Seq, waiting: Waiting) -> None:
        """Answer once the record `seq`, decided and not confirmed, is."""
        for batch in (*self._open, *self._in_flight):
            if batch.seq == seq:
                batch.waiting.append(waiting)
                return
        raise AssertionError(f"record {seq} is neither open nor in flight")

    def special(self, kind: Kind, schema: int, payload: bytes, waiting: Waiting | None) -> Seq:
        """Append a record that others do not join (Define, Base, a Barrier that must be new), in order with everything else."""
        batch = self._new_batch()
        batch.special = (kind, schema, payload)
        if waiting is not None:
            batch.waiting.append(waiting)
        return batch.seq

    def _new_batch(self) -> Batch:
        batch = Batch(self._next_seq, self._timestamp())
        self._next_seq = Seq(self._next_seq + 1)
        self._open.append(batch)
        self._schedule_cut()
        return batch

    # --- cutting ---------------------------------------------------------------------------------------------

    def _schedule_cut(self) -> None:
        if not self._cut_scheduled and not self._held and self._open and len(self._in_flight) < IN_FLIGHT_MAX:
            self._cut_scheduled = True
            self._loop.call_soon(self._cut)

    def _cut(self) -> None:
        self._cut_scheduled = False
        while self._open and len(self._in_flight) < IN_FLIGHT_MAX and not self._held:
            batch = self._open.popleft()
            raw = self._encode(batch)
            self._chain = chain_after(self._chain, raw)
            self._in_flight.append(batch)
            batch.began_at = self._meter.now()
            batch.sent_at = self._loop.time()
            self._log.append(self._log_id, raw, partial(self._reported, batch))

    def _encode(self, batch: Batch) -> bytes:
        if batch.special is not None:
            kind, schema, payload = batch.special
        elif batch.effects:
            kind, schema, payload = Kind.EFFECT, fingerprint(EFFECTS), encode_effects(batch.effects)
            self._effects[batch.seq] = batch.effects
        else:
            kind, schema, payload = Kind.BARRIER, 0, b""
        lane = self._lane
        return encode_envelope(
            kind,
            self._log_id,
            OWN_LANE,
            lane.epoch,
            lane.writer,
            batch.seq,
            self._chain,
            batch.timestamp_us,
            schema,
            payload,
        )

    # --- confirming ------------------------------------------------------------------------------------------

    def _reported(self, batch: Batch, offset: Offset | None, error: LogError | None) -> None:
        if (self._in_flight and batch.seq < self._in_flight[0].seq) or not self._in_flight:
            return  # confirmed by our own reader, or the epoch is over
        if error is not None:
            self._on_doubt()
            return
        batch.offset = offset
        while self._in_flight and self._in_flight[0].offset == self.confirmed_offset + 1:
            self._confirm_first(Offset(self.confirmed_offset + 1))
        self._schedule_cut()

    def accepted(self, seq: Seq, offset: Offset) -> None:
        """Our own reader has accepted the record `seq` at `offset`: the slow path, and the audit of the fast one."""
        while self._in_flight and self._in_flight[0].seq <= seq:
            self._confirm_first(offset)
        if self.confirmed_seq == seq:
            assert self.confirmed_offset == offset, f"confirmed at {self.confirmed_offset}, found at {offset}"
        self._effects.pop(seq, None)
        self._schedule_cut()

    def _confirm_first(self, offset: Offset) -> None:
        batch = self._in_flight.popleft()
        self.confirmed_seq = batch.seq
        self.confirmed_offset = offset
        self._patience.took(self._loop.time() - batch.sent_at)
        self._meter.confirmed(batch.began_at, len(batch.effects))
        self._lease.renew(batch.began_at)
        self._lease.answer(batch.waiting)

    def effects_of(self, seq: Seq) -> list[Effect] | None:
        """The effects of one of our own records that has not come back from the log yet."""
        return self._effects.get(seq)

    # --- ending ----------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is open or in flight."""
        return not self._open and not self._in_flight

    def oldest_sent_at(self) -> float | None:
        """When the oldest record in flight was handed to the log, on the loop's clock."""
        return self._in_flight[0].sent_at if self._in_flight else None

    def sent(self) -> list[Waiting]:
        """The requests whose records are on their way into the log, in order."""
        return [waiting for batch in self._in_flight for waiting in batch.waiting]

    def hold(self) -> None:
        """Send nothing more in this epoch; what is in flight may still be confirmed."""
        self._held = True

    def close(self) -> list[Waiting]:
        """Send nothing more; the requests whose records are not confirmed, in order. What became of them is for the next
        accepted Claim to say (R8).
        """
        self.hold()
        pending = [waiting for batch in (*self._in_flight, *self._open) for waiting in batch.waiting]
        self._in_flight.clear()
        self._open.clear()
        return pending
