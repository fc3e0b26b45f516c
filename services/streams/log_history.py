"""The past of change streams, read from the logs themselves (`ports/change_history.py` says what is promised).

A cursor's hint is a place in the log with R1's state there, so reading on from a cursor needs nothing that this process
remembers, and a poll at the end of a log costs a comparison. Only a sequence number or an instant has to be looked for:
from the nearest mark on.

Not to break: a hint comes from outside. The chain (R2) shows one that is not of this log; then the way is found without it.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from stator.codec.catalog_entries import decode_table
from stator.codec.change_topics import decode_state, encode_state
from stator.model.changes import ChangePoint, ChangeProgress, Shard, ShardCursor
from stator.model.errors import DamagedDataError, LogError
from stator.model.positions import LaneState, LogId, LogPosition, Offset
from stator.model.records import LogMessage
from stator.ports.change_history import ChangePage, HistoryUnavailableError
from stator.ports.clock import Clock
from stator.ports.log import Log
from stator.rules.change_records import ChangeRecord

from .source import Source
from .waymarks import Waymark, Waymarks

MESSAGES_PER_PAGE = 20_000
"""After so many messages a page ends even if nothing was found: some 0.3 s. The consumer's next call goes on from there."""

MESSAGES_PER_TURN = 200
"""After so many messages other tasks get a turn: some milliseconds."""

Newest = Callable[[Shard], LogPosition]
"""Where some view that follows a shard's log stands, as near to the log's end as there is one; its beginning if there is none."""


class LogChangeHistory:
    """All change streams over the logs of one deployment."""

    def __init__(self, log: Log, clock: Clock, newest: Newest) -> None:
        self._log = log
        self._clock = clock
        self._newest = newest
        self._marks = Waymarks()
        self._endings: dict[tuple[LogId, str], ChangePoint] = {}

    async def tip(self, shard: Shard) -> ShardCursor:
        """See `ChangeHistory.tip`."""
        return await self.at(shard, ChangePoint(await self._end(shard)))

    async def at(self, shard: Shard, point: ChangePoint) -> ShardCursor:
        """See `ChangeHistory.at`. The hint is only near it: what lies between is read along with the first page."""
        self._mark_newest(shard)
        near = self._marks.before(shard.log_id, point.offset) or _START
        return ShardCursor(point, _hint(near.progress))

    async def since(self, shard: Shard, timestamp_us: int) -> ShardCursor:
        """See `ChangeHistory.since`. Whether the first change behind the cursor is of this stream is left to `page`."""
        self._mark_newest(shard)
        near = self._marks.older(shard.log_id, timestamp_us) or _START
        source = Source(shard.log_id, shard.table, near.progress)
        async with aclosing(self._messages(shard, source)) as messages:
            async for message in messages:
                before = source.progress
                source.skip(message)
                if source.timestamp_us >= timestamp_us:
                    records = Source(shard.log_id, shard.table, before).take(message)
                    young = (record.place.point for record in records if record.timestamp_us >= timestamp_us)
                    return ShardCursor(next(young, ChangePoint(source.next_offset)), _hint(before))
        return ShardCursor(ChangePoint(source.next_offset), _hint(source.progress))

    async def page(self, shard: Shard, cursor: ShardCursor, *, records_max: int, bytes_max: int) -> ChangePage:
        """See `ChangeHistory.page`."""
        hinted = _progress(cursor.hint)
        if hinted is not None and hinted.next_offset <= cursor.point.offset:
            try:
                source = Source(shard.log_id, shard.table, hinted)
                return await self._page(shard, source, cursor.point, records_max, bytes_max)
            except DamagedDataError:
                pass  # of another log, or ours is damaged: then the same will be found without the hint
        found = await self.at(shard, cursor.point)
        source = Source(shard.log_id, shard.table, _progress(found.hint))
        return await self._page(shard, source, cursor.point, records_max, bytes_max)

    async def ending(self, shard: Shard) -> ChangePoint | None:
        """See `ChangeHistory.ending`: where the Define lies that ended it."""
        key = shard.log_id, shard.stream.label
        if key not in self._endings and shard.ended:
            source, seen = Source(shard.log_id, shard.table, None), False
            async with aclosing(self._messages(shard, source)) as messages:
                async for message in messages:
                    source.skip(message)
                    if seen and not _in_force(source, shard):
                        break
                    seen = seen or _in_force(source, shard)
            if not _in_force(source, shard):
                self._endings[key] = ChangePoint(source.next_offset)
        return self._endings.get(key)

    async def _page(
        self, shard: Shard, source: Source, start: ChangePoint, records_max: int, bytes_max: int
    ) -> ChangePage:
        began = source.next_offset
        given: list[ChangeRecord] = []
        size = 0
        async with aclosing(self._messages(shard, source)) as messages:
            async for message in messages:
                if message.offset < start.offset:
                    source.skip(message)
                else:
                    before, on = source.progress, _in_force(source, shard)
                    for record in source.take(message):
                        if not on or record.place.point < start:
                            continue
                        if given and (len(given) == records_max or size + record.size_bytes > bytes_max):
                            return ChangePage(given, ShardCursor(record.place.point, _hint(before)))
                        given.append(record)
                        size += record.size_bytes
                    if on and not _in_force(source, shard):
                        return ChangePage(given, None)
                if source.next_offset - began >= MESSAGES_PER_PAGE:
                    break
            else:
                if shard.ended and not _in_force(source, shard):
                    return ChangePage(given, None)
        point = max(start, ChangePoint(source.next_offset))
        return ChangePage(given, ShardCursor(point, _hint(source.progress)))

    async def _messages(self, shard: Shard, source: Source) -> AsyncGenerator[LogMessage, None]:
        """What the log holds now from where `source` stands, which the caller must move. Leaves marks on the way."""
        log_id, began = shard.log_id, source.next_offset
        end = await self._end(shard)
        if source.next_offset >= end:
            return
        reader = self._log.read(log_id, source.next_offset)
        try:
            while source.next_offset < end:
                for message in await reader.read():
                    yield message
                    passed = source.next_offset - began
                    if passed % MESSAGES_PER_TURN == 0:
                        await self._clock.sleep(0)
                        if source.timestamp_us and self._marks.wanted(log_id, source.next_offset):
                            self._marks.leave(log_id, Waymark(source.progress, source.timestamp_us))
                    if source.next_offset >= end:
                        break
        except LogError as error:
            raise HistoryUnavailableError(error.message) from error
        finally:
            reader.close()

    async def _end(self, shard: Shard) -> Offset:
        try:
            return await self._log.end(shard.log_id)
        except LogError as error:
            raise HistoryUnavailableError(error.message) from error

    def _mark_newest(self, shard: Shard) -> None:
        log_id, position = shard.log_id, self._newest(shard)
        if self._marks.wanted(log_id, position.next_offset):
            stream = decode_table(position.definition).stream if position.definition else None
            progress = ChangeProgress(position.next_offset, encode_state(position.lane(), stream))
            self._marks.leave(log_id, Waymark(progress, position.timestamp_us))


_START = Waymark(ChangeProgress(Offset(0), encode_state(LaneState(), None)), timestamp_us=0)


def _in_force(source: Source, shard: Shard) -> bool:
    stream = source.table.stream
    return stream is not None and stream.label == shard.stream.label


def _hint(progress: ChangeProgress) -> str:
    return f"{progress.next_offset} {progress.state}"


def _progress(hint: str) -> ChangeProgress | None:
    """What a hint says, or None for what is none."""
    offset, _, state = hint.partition(" ")
    if not (offset.isascii() and offset.isdecimal()):
        return None
    try:
        decode_state(state)
    except DamagedDataError:
        return None
    return ChangeProgress(Offset(int(offset)), state)
