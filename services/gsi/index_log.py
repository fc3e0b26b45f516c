"""Follows one index log without a view: acceptance per lane, and who is to be told. All lanes of a process share it.

Not to break: a lane's progress is what *accepted* records say. A fenced worker's late record may name any offset.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from stator.codec.log_records import decode_envelope, decode_index_batch, decode_progress
from stator.model.errors import DamagedDataError, DomainError, LogError
from stator.model.positions import Epoch, LaneId, LaneState, LogId, LogPosition, Offset
from stator.model.records import Envelope, Kind, LogMessage, source_reached
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.acceptance import accept
from stator.runtime.lifecycle import Tasks

_log = structlog.get_logger()

RETRY_S = (0.1, 0.5)
"""How long to wait before a log that failed is asked again."""


Known = Callable[[LogId], LogPosition]
"""Where some fold of an index log stands, a view for example: following it starts there, and not at its beginning."""


class LaneWatcher(Protocol):
    """Who wants to know what becomes of a lane."""

    def accepted(self, record: Envelope, state: LaneState) -> None:
        """A record of the lane was accepted, and this is where it stands now."""
        ...

    def failed(self, error: DomainError) -> None:
        """The index log cannot be followed any further."""
        ...


class IndexLog:
    """One index log. `run` it as a task."""

    def __init__(self, log: Log, log_id: LogId, known: LogPosition, clock: Clock, ids: IdSource) -> None:
        """`known`: what a fold of the log's beginning left behind; nothing before it is read."""
        self.log_id = log_id
        self._log = log
        self._clock = clock
        self._ids = ids
        self._next_offset = known.next_offset
        self._lanes = dict(known.lanes)
        self._tried: dict[LaneId, Epoch] = {}
        self._watchers: dict[LaneId, LaneWatcher] = {}
        self._damaged: DamagedDataError | None = None
        self._moved = asyncio.Event()

    def lane(self, lane: LaneId) -> LaneState:
        """Where a lane stands, as far as the log has been read."""
        return self._lanes.get(lane, LaneState())

    def next_epoch(self, lane: LaneId) -> Epoch:
        """An epoch for a Claim: higher than all that were read, and than all that were given here, whose Claims may yet land."""
        self._tried[lane] = Epoch(max(self.lane(lane).epoch, self._tried.get(lane, 0)) + 1)
        return self._tried[lane]

    def watch(self, lane: LaneId, watcher: LaneWatcher) -> None:
        """Tell `watcher` from now on; a lane has one, the last that asked."""
        self._watchers[lane] = watcher

    def unwatch(self, lane: LaneId, watcher: LaneWatcher) -> None:
        """Tell `watcher` nothing more."""
        if self._watchers.get(lane) is watcher:
            del self._watchers[lane]

    async def caught_up(self) -> None:
        """Return once everything is read that was in the log a moment ago. Raises LogError, DamagedDataError."""
        end = await self._log.end(self.log_id)
        while self._next_offset < end:
            if self._damaged is not None:
                raise DamagedDataError(self._damaged.message)
            await self._moved.wait()

    async def run(self) -> None:
        """Follow the log until cancelled, or until it turns out damaged."""
        while True:
            try:
                await self._follow()
            except LogError as error:
                _log.warning("index_log_interrupted", log_id=self.log_id, reason=error.message)
                await self._clock.sleep(self._ids.jitter(*RETRY_S))
            except DamagedDataError as error:
                _log.error("index_log_halted", log_id=self.log_id, reason=error.message)
                self._damaged = error
                self._moved.set()
                for watcher in list(self._watchers.values()):
                    watcher.failed(error)
                return

    async def _follow(self) -> None:
        reader = self._log.read(self.log_id, self._next_offset)
        try:
            while True:
                self._take(await reader.read())
        finally:
            reader.close()

    def _take(self, messages: Sequence[LogMessage]) -> None:
        for message in messages:
            record = decode_envelope(message.data)
            if record.log_id != self.log_id or message.offset != self._next_offset:
                raise DamagedDataError(
                    f"index log {self.log_id} holds a record of log {record.log_id} at {message.offset},"
                    f" {self._next_offset} is next"
                )
            self._accept(record)
            self._next_offset = Offset(message.offset + 1)
        # Wake everybody who waits now; whoever waits later gets the next event.
        self._moved.set()
        self._moved = asyncio.Event()

    def _accept(self, record: Envelope) -> None:
        state = accept(self.lane(record.lane), record)
        if state is None:
            return
        match record.kind:
            case Kind.INDEX:
                batch = decode_index_batch(record)
                if batch.last:
                    state = source_reached(state, batch.source)
            case Kind.PROGRESS:
                state = source_reached(state, decode_progress(record))
            case _:
                pass
        self._lanes[record.lane] = state
        if watcher := self._watchers.get(record.lane):
            watcher.accepted(record, state)


class IndexLogs:
    """The index logs that a process follows, each once, as long as somebody needs it."""

    def __init__(self, log: Log, known: Known, clock: Clock, ids: IdSource, tasks: Tasks) -> None:
        self._log = log
        self._known = known
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._followed: dict[LogId, _Followed] = {}

    @contextmanager
    def following(self, log_id: LogId) -> Iterator[IndexLog]:
        """The log, followed for the time of the `with`."""
        followed = self._followed.get(log_id)
        if followed is None:
            index_log = IndexLog(self._log, log_id, self._known(log_id), self._clock, self._ids)
            followed = _Followed(index_log, self._tasks.spawn(f"index-log-{log_id}", index_log.run()))
            self._followed[log_id] = followed
        followed.users += 1
        try:
            yield followed.index_log
        finally:
            followed.users -= 1
            if not followed.users:
                followed.task.cancel()
                del self._followed[log_id]


@dataclass(slots=True)
class _Followed:
    index_log: IndexLog
    task: asyncio.Task[None]
    users: int = 0
