"""The past of one log: its state at an instant, rebuilt from the archive and the part of the log not yet archived.

Not a prefix: every accepted effect up to the instant counts and every later one does not, wherever it lies in the log.
Each effect says what it found (its old image), so that a missing or foreign stretch of history cannot go unnoticed.
"""

from collections.abc import Callable, Iterable, Mapping

import structlog
from msgspec.structs import replace

from stator.codec.log_records import decode_base, decode_changes, decode_define, decode_envelope
from stator.codec.segment_files import open_segment
from stator.model.archive import SegmentEntry, SegmentsHead, SnapshotsHead
from stator.model.errors import DamagedDataError, DivergedError, InvalidRestoreTimeError
from stator.model.positions import LaneId, LaneState, LogId, LogPosition, Offset, TimestampUs
from stator.model.records import Base, Kind, LogMessage
from stator.ports.archive import Archive
from stator.ports.clock import Clock
from stator.ports.log import Log
from stator.ports.view import ViewWriter
from stator.rules.acceptance import accept
from stator.rules.recovery_plan import Moment, RecoveryPlan, Refusal, plan_recovery
from stator.runtime.archived_objects import fetch_verified, load_segments_head, load_snapshots_head
from stator.runtime.gathered_changes import GatheredChanges
from stator.runtime.marks import Marks
from stator.runtime.snapshots import Snapshots

_log = structlog.get_logger()

CHANGES_PER_TURN = 256
MESSAGES_PER_TURN = 256
"""What is folded before the view gets the changes and other tasks a turn: some milliseconds."""

Progress = Callable[[int, int], None]
"""Told (done, total) from time to time, in items and messages."""


class History:
    """Time travel through the logs of one deployment."""

    def __init__(self, archive: Archive, log: Log, clock: Clock) -> None:
        self._archive = archive
        self._log = log
        self._clock = clock
        self._snapshots = Snapshots(archive, clock)

    async def state_at(
        self,
        log_id: LogId,
        moment: Moment,
        scratch: ViewWriter,
        progress: Progress = lambda _done, _total: None,
    ) -> LogPosition:
        """Fill `scratch` with all items as they were at a moment, and give the position it then has.

        The position has the state's digest, item count, table definition, and the greatest timestamp not after the
        instant. A snapshot that does not check, or does not go together with what follows it, is done without. Raises
        InvalidRestoreTimeError when the instant cannot be reached, DamagedDataError when history does not check, OSError and
        LogError as archive and log do.
        """
        log_start = await self._log.start(log_id)  # before the heads: what is trimmed after this is in them
        segments = await load_segments_head(self._archive, log_id)
        snapshots = await load_snapshots_head(self._archive, log_id)
        plan = plan_recovery(segments, snapshots, moment, log_start)
        if isinstance(plan, Refusal):
            raise InvalidRestoreTimeError(plan.reason)
        try:
            return await self._follow(plan, log_id, moment, segments, scratch, _Told(progress, plan.steps))
        except DamagedDataError as error:
            longer = plan_recovery(segments, SnapshotsHead(log_id=log_id), moment, log_start)
            if plan.snapshot is None or isinstance(longer, Refusal):
                raise
            _log.error("snapshot_passed_over", log_id=log_id, snapshot=plan.snapshot.name, reason=error.message)
            return await self._follow(longer, log_id, moment, segments, scratch, _Told(progress, longer.steps))

    async def _follow(
        self,
        plan: RecoveryPlan,
        log_id: LogId,
        moment: Moment,
        segments: SegmentsHead,
        scratch: ViewWriter,
        told: "_Told",
    ) -> LogPosition:
        position = await self._start(plan, scratch, told)
        replay = _Replay(log_id, moment.timestamp_us, scratch, position, from_the_start=plan.snapshot is None)
        for segment in plan.segments:
            await self._replay_segment(replay, segment, plan.until, told)
        await self._replay_tail(replay, plan, segments, told)
        return replay.flush()

    async def _start(self, plan: RecoveryPlan, scratch: ViewWriter, told: "_Told") -> LogPosition:
        if plan.snapshot is None:
            scratch.install((), LogPosition())
            return LogPosition()
        return await self._snapshots.load(plan.snapshot.name, plan.snapshot.sha256, scratch, advance=told.advance)

    async def _replay_segment(self, replay: "_Replay", entry: SegmentEntry, until: Offset, told: "_Told") -> None:
        data = await fetch_verified(self._archive, entry.name, entry.sha256)
        footer, messages = open_segment(entry.name, data)
        if (footer.log_id, footer.first_offset) != (replay.log_id, entry.first_offset):
            raise DamagedDataError(f"{entry.name}: holds log {footer.log_id} from offset {footer.first_offset}")
        try:
            replay.continue_at(footer.first_offset, footer.lanes_before)
            await self._replay_messages(replay, messages, until, told)
        except DamagedDataError as error:
            raise type(error)(f"{entry.name}: {error.message}") from error

    async def _replay_tail(self, replay: "_Replay", plan: RecoveryPlan, segments: SegmentsHead, told: "_Told") -> None:
        if plan.tail_start >= plan.until:
            return
        if plan.tail_start == segments.next_offset:
            replay.continue_at(plan.tail_start, segments.lanes)
        reader = self._log.read(replay.log_id, plan.tail_start)
        try:
            while replay.next_offset < plan.until:
                await self._replay_messages(replay, await reader.read(), plan.until, told)
        finally:
            reader.close()

    async def _replay_messages(
        self, replay: "_Replay", messages: Iterable[LogMessage], until: Offset, told: "_Told"
    ) -> None:
        taken = 0
        for message in messages:
            if message.offset >= until:
                break
            taken += 1
            if message.offset < replay.next_offset:  # the snapshot has it
                continue
            base = replay.take(message)
            if base is not None:
                await self._snapshots.install_base(base, replay.scratch, replay.position)
                replay.based()
            if len(replay.changes) >= CHANGES_PER_TURN or taken == MESSAGES_PER_TURN:
                replay.flush()
                told.advance(taken)
                taken = 0
                await self._clock.sleep(0)
        told.advance(taken)


class _Told:
    """How far a restore is, for a progress bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def advance(self, steps: int) -> None:
        self._done += steps
        self._progress(self._done, self._total)


class _Replay:
    """Folds accepted effects up to an instant into a scratch view; `flush` hands it what has gathered."""

    def __init__(
        self, log_id: LogId, last_us: TimestampUs, scratch: ViewWriter, start: LogPosition, *, from_the_start: bool
    ) -> None:
        self.log_id = log_id
        self.scratch = scratch
        self.changes = GatheredChanges(scratch)
        self.next_offset = start.next_offset
        self._last_us = last_us
        self._start = start
        self._lanes = dict(start.lanes)
        self._from_the_start = from_the_start
        self._marks = Marks()
        self._whole = True
        """Whether nothing was left out yet: from then on this comes to something else than what the leader's view did."""
        self._resume(start)

    def _resume(self, start: LogPosition) -> None:
        self._timestamp_us = start.timestamp_us
        self._definition, self._base = start.definition, start.base
        self.changes.restart()

    @property
    def position(self) -> LogPosition:
        """Where the scratch view stands once it has the changes."""
        return self.changes.total(
            replace(
                self._start,
                next_offset=self.next_offset,
                lanes=dict(self._lanes),
                timestamp_us=self._timestamp_us,
                closed_us=self._last_us,
                definition=self._definition,
                base=self._base,
                prepares=(),  # an instant is only looked at once nothing before it is open any more
            )
        )

    def flush(self) -> LogPosition:
        """Give the scratch view what has gathered."""
        position = self.position
        self.changes.flush(self.scratch, position)
        return position

    def continue_at(self, offset: Offset, lanes: Mapping[LaneId, LaneState]) -> None:
        """Go on at `offset`, before which the lanes are said to be as given."""
        if offset == self.next_offset and dict(lanes) != self._lanes:
            raise DamagedDataError(
                f"log {self.log_id}: history from offset {offset} on does not continue what was before"
            )
        if offset > self.next_offset:  # behind segments that the plan skips
            self.next_offset, self._lanes = offset, dict(lanes)
            self._whole = False

    def take(self, message: LogMessage) -> Base | None:
        """Fold the next message. A base is returned: install it at `position`, then call `based`."""
        if message.offset != self.next_offset:
            raise DamagedDataError(f"log {self.log_id}: message {message.offset} came where {self.next_offset} was due")
        self._marks.pass_by(message.offset, self.changes)
        self.next_offset = Offset(message.offset + 1)
        record = decode_envelope(message.data)
        lane = accept(self._lanes.get(record.lane, LaneState()), record)
        if lane is None:
            return None
        self._lanes[record.lane] = lane
        for effect in decode_changes(record):
            if effect.timestamp_us <= self._last_us:
                self.changes.add_effect(effect)
                self._timestamp_us = max(self._timestamp_us, effect.timestamp_us)
            else:
                self._whole = False
        if record.kind is Kind.DEFINE and record.timestamp_us <= self._last_us:
            self._definition = decode_define(record)
        elif record.kind is Kind.BASE:
            return self._begin(decode_base(record))
        elif record.kind is Kind.BARRIER and self._whole and (how := self._marks.compare(message.offset, record)):
            self._contradicted(how)
        return None

    def _contradicted(self, how: str) -> None:
        """What was made from nothing but the log does not give way to a stamp, see `Replica`. A snapshot does."""
        if not self._from_the_start:
            raise DivergedError(f"log {self.log_id}: {how}")
        _log.error("stamp_disputed", log_id=self.log_id, reason=how)

    def based(self) -> None:
        """Go on from the base that the scratch view was filled with."""
        self._resume(self.scratch.position)

    def _begin(self, base: Base) -> Base:
        if base.timestamp_us > self._last_us:
            raise InvalidRestoreTimeError(f"history begins at {base.timestamp_us}, after the instant wanted")
        self.changes.restart()
        self._timestamp_us = max(self._timestamp_us, base.timestamp_us)
        self._base = base.snapshot_object
        return base
