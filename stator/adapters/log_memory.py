"""Logs in memory: the twin that tests and the simulator run on.

A `MemoryLogStore` is what survives; each process has its own `MemoryLog` handle on it, and `kill` cuts a handle off the
way a crash cuts off a process. For faults, subclass `MemoryLog` and override `append`, the one door in:
`MemoryLogStore.land` puts bytes into the log (twice, later, never, as the fault wants) and `deliver` schedules a report
(or does not).
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.log import MESSAGE_BYTES_MAX, Report

READ_BYTES_MAX = 4 * 1024 * 1024
"""What one `read` returns at most, unless a single message is larger."""


@dataclass(slots=True)
class _StoredLog:
    messages: list[bytes] = field(default_factory=list)
    start: int = 0
    waiting: dict[asyncio.Future[None], None] = field(default_factory=dict)
    """In the order in which they came, so that a simulated run can be repeated."""

    def wake(self) -> None:
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(None)


class MemoryLogStore:
    """The logs themselves. All handles and readers of one store run on one event loop."""

    def __init__(self) -> None:
        self._logs: dict[LogId, _StoredLog] = {}

    def create(self, log_id: LogId) -> None:
        """Make an empty log, unless it exists."""
        self._logs.setdefault(log_id, _StoredLog())

    def delete(self, log_id: LogId) -> None:
        """Remove a log, if it exists; its readers fail."""
        if log := self._logs.pop(log_id, None):
            log.wake()

    def ids(self) -> list[LogId]:
        """All logs, ascending."""
        return sorted(self._logs)

    def land(self, log_id: LogId, data: bytes) -> Offset:
        """Put one message at the end, wake its readers, and say where it lies. Raises LogError for an unknown log."""
        log = self._find(log_id)
        log.messages.append(data)
        log.wake()
        return Offset(log.start + len(log.messages) - 1)

    def start(self, log_id: LogId) -> Offset:
        """The first offset kept."""
        return Offset(self._find(log_id).start)

    def end(self, log_id: LogId) -> Offset:
        """The offset the next landing message gets."""
        log = self._find(log_id)
        return Offset(log.start + len(log.messages))

    def trim(self, log_id: LogId, before: Offset) -> None:
        """Drop what lies below `before`, at most everything."""
        log = self._find(log_id)
        dropped = max(0, min(before - log.start, len(log.messages)))
        del log.messages[:dropped]
        log.start += dropped

    def messages(self, log_id: LogId, start: Offset) -> Iterator[LogMessage]:
        """Everything from `start` on. Raises LogError when that has been trimmed."""
        log = self._find(log_id)
        if start < log.start:
            raise LogError(f"log {log_id} starts at {log.start}, {start} was trimmed")
        for index in range(start - log.start, len(log.messages)):
            yield LogMessage(Offset(log.start + index), log.messages[index])

    def wake_all(self) -> None:
        """Let all readers look again at the state of their log and of their process."""
        for log in self._logs.values():
            log.wake()

    async def changed(self, log_id: LogId) -> None:
        """Return when it is worth looking again: a message landed, the log was deleted, a process closed its handle."""
        waiting = self._find(log_id).waiting
        waiter = asyncio.get_running_loop().create_future()
        waiting[waiter] = None
        try:
            await waiter
        finally:
            waiting.pop(waiter, None)

    def _find(self, log_id: LogId) -> _StoredLog:
        try:
            return self._logs[log_id]
        except KeyError:
            raise LogError(f"log {log_id} does not exist") from None


class MemoryLogReader:
    """A place in one log."""

    def __init__(self, log: "MemoryLog", log_id: LogId, start: Offset) -> None:
        self._log = log
        self._log_id = log_id
        self._next = start
        self._open = True

    async def read(self) -> Sequence[LogMessage]:
        """See `LogReader.read`."""
        while True:
            await self._log.outlive()
            self._log.check_open()
            if not self._open:
                raise LogError(f"the reader of log {self._log_id} is closed")
            if messages := self._arrived():
                self._next = Offset(messages[-1].offset + 1)
                return messages
            await self._log.store.changed(self._log_id)

    def _arrived(self) -> list[LogMessage]:
        messages: list[LogMessage] = []
        bytes_left = READ_BYTES_MAX
        for message in self._log.store.messages(self._log_id, self._next):
            bytes_left -= len(message.data)
            if messages and bytes_left < 0:
                break
            messages.append(message)
        return messages

    def close(self) -> None:
        """See `LogReader.close`."""
        self._open = False


class MemoryLog:
    """One process's handle on a store."""

    def __init__(self, store: MemoryLogStore, *, exclusive: bool = False) -> None:
        self.store = store
        self.exclusive = exclusive
        self._open = True
        self._killed = False

    def kill(self) -> None:
        """Crash: no report is delivered any more, and nothing awaited here ever returns."""
        self._killed = True

    async def outlive(self) -> None:
        """Return at once in a living process, never in a killed one."""
        if self._killed:
            await asyncio.get_running_loop().create_future()

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        """See `Log.append`."""
        if self._killed:
            return
        try:
            self.check(data)
            offset = self.store.land(log_id, data)
        except LogError as error:
            self.deliver(report, None, error)
        else:
            self.deliver(report, offset, None)

    def check_open(self) -> None:
        """Raise LogError once `close` was called."""
        if not self._open:
            raise LogError("the log is closed")

    def check(self, data: bytes) -> None:
        """Raise LogError for an append that no log takes."""
        self.check_open()
        if len(data) > MESSAGE_BYTES_MAX:
            raise LogError(f"a message has at most {MESSAGE_BYTES_MAX} bytes, not {len(data)}")

    def deliver(self, report: Report, offset: Offset | None, error: LogError | None) -> None:
        """Call `report` on the loop's next turn, unless the process is dead by then."""
        asyncio.get_running_loop().call_soon(self._deliver, report, offset, error)

    def _deliver(self, report: Report, offset: Offset | None, error: LogError | None) -> None:
        if not self._killed:
            report(offset, error)

    def read(self, log_id: LogId, start: Offset) -> MemoryLogReader:
        """See `Log.read`."""
        return MemoryLogReader(self, log_id, start)

    async def create(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.create`."""
        await self.outlive()
        for log_id in log_ids:
            self.store.create(log_id)

    async def delete(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.delete`."""
        await self.outlive()
        for log_id in log_ids:
            self.store.delete(log_id)

    async def end(self, log_id: LogId) -> Offset:
        """See `Log.end`."""
        await self.outlive()
        return self.store.end(log_id)

    async def start(self, log_id: LogId) -> Offset:
        """See `Log.start`."""
        await self.outlive()
        return self.store.start(log_id)

    async def trim(self, log_id: LogId, before: Offset) -> None:
        """See `Log.trim`."""
        await self.outlive()
        self.store.trim(log_id, before)

    async def close(self) -> None:
        """See `Log.close`. Appends have landed already, so their reports still come."""
        self._open = False
        self.store.wake_all()

    async def list(self) -> Sequence[LogId]:
        """See `Log.list`."""
        await self.outlive()
        return self.store.ids()
