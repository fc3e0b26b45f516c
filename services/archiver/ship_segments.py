"""Ships one log into the archive, segment by segment, for ever.

The order is: put the segment, read it back, rewrite the head. A crash anywhere in between leaves an object that no head
lists, and the next start reads the same messages again. The head decides what is archived. Two shippers of one log (one
of them a forgotten process) do no harm: both ship the same log, and the longer head stays.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from stator.codec.manifests import encode_segments_head
from stator.model.archive import RetiredObject, SegmentEntry, SegmentsHead, segments_head_name
from stator.model.errors import DamagedDataError, LogError
from stator.model.positions import LogId, Offset, TimestampUs
from stator.model.records import LogMessage
from stator.ports.archive import Archive
from stator.ports.clock import Clock
from stator.ports.log import Log, LogReader
from stator.runtime.archived_objects import load_segments_head, store_verified
from stator.runtime.patience import persist

from .accepted_stretch import AcceptedStretch
from .merge_segments import drop_retired, merge_run, run_to_merge

_log = structlog.get_logger()

TURN_BYTES = 256 * 1024
"""Log bytes checked and compressed before other tasks get a turn: a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLimits:
    """When a segment is cut: at so many (compressed) bytes, or so many seconds after its first message was read."""

    segment_bytes: int = 8 * 1024 * 1024
    segment_age_s: float = 10.0
    merge_segments: int = 64
    """So many small ones in a row, together no larger than `segment_bytes`, become one: heads stay short."""


class SegmentShipper:
    """One log's way into the archive. `run` it as a task; it costs nothing while the log is idle."""

    def __init__(self, log: Log, archive: Archive, clock: Clock, log_id: LogId, limits: SegmentLimits) -> None:
        self._log = log
        self._archive = archive
        self._clock = clock
        self._log_id = log_id
        self._limits = limits
        self._head = SegmentsHead(log_id=log_id)
        self._stretch = AcceptedStretch(log_id, Offset(0), {})
        self._begun_at = 0.0
        self._flush_until = Offset(0)
        self._reading: asyncio.Timeout | None = None
        self._alarm: asyncio.Task[None] | None = None
        self._waiters: list[tuple[Offset, asyncio.Future[None]]] = []
        self._ended: BaseException | None = None

    @property
    def archived_until(self) -> Offset:
        """Everything below is in the archive, read back and listed: the log may be trimmed up to here."""
        return self._head.next_offset

    @property
    def waiting_s(self) -> float:
        """How long the oldest record that was read and is not archived has waited; 0 if there is none."""
        if not self._stretch.messages:
            return 0.0
        return self._clock.monotonic() - self._begun_at

    async def run(self) -> None:
        """Ship until cancelled. An archive that is away is waited for, meanwhile the log is not read.

        Raises DamagedDataError when the log or the head does not check, LogError when the log has been trimmed away
        from under it.
        """
        self._ended = None
        try:
            while True:
                await self._resume()
                await self._follow()
        except BaseException as error:
            self._end(error)
            raise

    async def flush(self, until: Offset) -> None:
        """Return once everything below `until` is archived, without waiting for a segment to fill.

        `until` must be in the log already. Raises what ended `run`, as a LogError, if it has ended.
        """
        self._check_running()
        if until <= self.archived_until:
            return
        self._flush_until = max(self._flush_until, until)
        self._stop_reading()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((until, waiter))
        await waiter

    async def _resume(self) -> None:
        """Take the place that the head says."""
        self._head = await persist(self._clock, "segments head", self._load_head)
        self._stretch = AcceptedStretch(self._log_id, self._head.next_offset, self._head.lanes)
        self._release()

    async def _follow(self) -> None:
        """Ship from the place taken; return when another shipper of this log is found to be ahead."""
        reader = self._log.read(self._log_id, self.archived_until)
        try:
            while True:
                turn_bytes = 0
                for message in await self._arrived(reader):
                    self._take(message)
                    if self._stretch.size_bytes >= self._limits.segment_bytes and not await self._ship():
                        return
                    turn_bytes += len(message.data)
                    if turn_bytes >= TURN_BYTES:
                        turn_bytes = 0
                        await self._clock.sleep(0)
                if self._stretch.messages and self._due() and not await self._ship():
                    return
        finally:
            self._silence()
            reader.close()

    def _take(self, message: LogMessage) -> None:
        if not self._stretch.messages:
            self._begun_at = self._clock.monotonic()
            self._alarm = asyncio.ensure_future(self._ring())
        self._stretch.take(message)

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _due(self) -> bool:
        flushing = self.archived_until < self._flush_until <= self._stretch.next_offset
        return flushing or (self._alarm is not None and self._alarm.done())

    async def _arrived(self, reader: LogReader) -> Sequence[LogMessage]:
        """The next messages; none when it is time to cut what there is, or a flush was asked for."""
        try:
            async with asyncio.timeout(None) as self._reading:
                return await reader.read()
        except TimeoutError:
            return ()
        finally:
            self._reading = None

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def _ring(self) -> None:
        await self._clock.sleep(self._limits.segment_age_s)
        self._stop_reading()

    async def _ship(self) -> bool:
        """Archive the open segment and begin the next. False, and nothing changed, when another shipper is at work."""
        entry, data = self._stretch.finish()
        await self._store(entry, data)
        head = replace(
            self._head,
            segments=(*self._head.segments, entry),
            lanes=dict(self._stretch.lanes),
            begins_us=self._stretch.begins_us or self._head.begins_us,
        )
        if not await persist(self._clock, "segments head", lambda: self._store_head(head)):
            return False
        self._head = head
        self._stretch = AcceptedStretch(self._log_id, head.next_offset, head.lanes)
        self._silence()
        _log.info(
            "segment_shipped", log_id=self._log_id, first_offset=entry.first_offset, last_offset=entry.last_offset
        )
        self._release()
        return await self._merge()

    async def _merge(self) -> bool:
        """Make one segment of the last ones when they are many and small. Returns as `_ship` does."""
        run = run_to_merge(self._head.segments, self._limits.merge_segments, self._limits.segment_bytes)
        if not run:
            return True
        try:
            entry, data = await persist(
                self._clock, "merge", lambda: merge_run(self._archive, self._clock, self._log_id, run)
            )
        except DamagedDataError as error:  # the newest part of the log must reach the archive all the same
            _log.error("segment_damaged", log_id=self._log_id, reason=error.message)
            return True
        await self._store(entry, data)
        now_us = TimestampUs(self._clock.now_us())
        kept = await persist(self._clock, "retired segments", lambda: drop_retired(self._archive, self._head, now_us))
        retired = tuple(RetiredObject(name=old.name, retired_us=now_us) for old in run)
        head = replace(self._head, segments=(*self._head.segments[: -len(run)], entry), retired=(*kept, *retired))
        if not await persist(self._clock, "segments head", lambda: self._store_head(head)):
            return False
        self._head = head
        return True

    async def _store(self, entry: SegmentEntry, data: bytes) -> None:
        await persist(self._clock, entry.name, lambda: store_verified(self._archive, entry.name, data))

    async def _store_head(self, head: SegmentsHead) -> bool:
        """Make `head` the stored one; False when another shipper has changed it, unless what it left is shorter."""
        try:
            stored = await self._load_head()
        except DamagedDataError as error:  # what it should say is known here, so this mends it
            _log.error("segments_head_mended", log_id=self._log_id, reason=error.message)
        else:
            if stored == head:  # an earlier attempt, whose success was not heard of
                return True
            if stored != self._head and stored.next_offset >= self._head.next_offset:
                _log.warning("shipped_elsewhere", log_id=self._log_id, archived_until=stored.next_offset)
                return False
        await store_verified(self._archive, segments_head_name(self._log_id), encode_segments_head(head))
        return True

    async def _load_head(self) -> SegmentsHead:
        return await load_segments_head(self._archive, self._log_id)

    def _release(self) -> None:
        due = [waiter for until, waiter in self._waiters if until <= self.archived_until]
        self._waiters = [entry for entry in self._waiters if entry[0] > self.archived_until]
        for waiter in due:
            if not waiter.done():
                waiter.set_result(None)

    def _end(self, error: BaseException) -> None:
        self._ended = error
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(LogError(f"log {self._log_id} is not shipped any more: {error!r}"))
        self._waiters.clear()

    def _check_running(self) -> None:
        if self._ended is not None:
            raise LogError(f"log {self._log_id} is not shipped any more: {self._ended!r}")
