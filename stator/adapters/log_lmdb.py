"""The log of a standalone server: every report means synced to disk.

`log_lmdb_store.py` says what lies where, `log_lmdb_writer.py` how it gets there. Here: what the event loop knows. A
reader at the tail is handed the very bytes that were appended; one that is behind reads from LMDB in pieces, on another
thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import lmdb

from stator.adapters.directory_lock import DirectoryLock
from stator.adapters.log_lmdb_store import LmdbLogStore, as_log_error
from stator.adapters.log_lmdb_writer import Append, Change, Job, LogWriter
from stator.model.errors import LogError, StartupError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.log import MESSAGE_BYTES_MAX, Report

MAP_BYTES = 256 * 1024**3
"""Address space for all logs of the directory; the file is as large as what is in it."""

READ_BYTES_MAX = 4 * 1024 * 1024
"""What one `read` returns at most, and what waits in memory for a reader that falls behind."""


class LmdbLogReader:
    """A place in one log. What it holds starts where it stands and has no gaps."""

    def __init__(self, log: "LmdbLog", log_id: LogId, start: Offset) -> None:
        self._log = log
        self._log_id = log_id
        self._next = start
        self._held: list[LogMessage] = []
        self._held_bytes = 0
        self._arrival: asyncio.Future[None] | None = None
        self._open = True

    async def read(self) -> Sequence[LogMessage]:
        """See `LogReader.read`."""
        while True:
            if not self._open:
                raise LogError(f"the reader of log {self._log_id} is closed")
            end = self._log.known_end(self._log_id)
            if not self._held and self._next < end:
                found = await self._log.stored(self._log_id, self._next)
                if not self._held:  # else the tail has come meanwhile, and begins where this does
                    return self._moved(found)
            elif self._held:
                held, self._held, self._held_bytes = self._held, [], 0
                return self._moved(held)
            else:
                await self._woken()

    def _moved(self, messages: Sequence[LogMessage]) -> Sequence[LogMessage]:
        self._next = Offset(messages[-1].offset + 1)
        return messages

    async def _woken(self) -> None:
        self._arrival = asyncio.get_running_loop().create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None

    def push(self, messages: Sequence[LogMessage]) -> None:
        """Hold what continues what is held, as far as there is room; the rest will be read from LMDB."""
        continued = self._next + len(self._held) - messages[0].offset
        if continued >= 0:
            for message in messages[continued:]:
                if self._held_bytes >= READ_BYTES_MAX:
                    break
                self._held.append(message)
                self._held_bytes += len(message.data)
        self.wake()

    def wake(self) -> None:
        """Let a waiting read look again."""
        if self._arrival and not self._arrival.done():
            self._arrival.set_result(None)

    def close(self) -> None:
        """See `LogReader.close`."""
        self._open = False
        self._log.forget_reader(self._log_id, self)
        self.wake()


class LmdbLog:
    """All logs of one data directory, locked against other processes. `Log` has the promises."""

    exclusive = True

    def __init__(self, directory: Path, *, map_bytes: int = MAP_BYTES) -> None:
        """Open or create the directory; call on the event loop that will use it.

        Raises StartupError, one line naming the directory, when it is locked, not writable or not a log of ours.
        """
        self._lock = DirectoryLock(directory)
        try:
            self._store = LmdbLogStore(directory / "log", map_bytes)
        except (lmdb.Error, OSError) as error:
            self._lock.release()
            raise StartupError(f"the log in data directory {directory} cannot be opened: {error}") from error
        self._loop = asyncio.get_running_loop()
        self._ends: dict[LogId, Offset] = {}
        self._readers: dict[LogId, set[LmdbLogReader]] = {}
        self._writer = LogWriter(self._store, self._delivered)
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")
        self._open = True

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        """See `Log.append`."""
        if not self._open:
            self._loop.call_soon(report, None, LogError("the log is closed"))
        elif len(data) > MESSAGE_BYTES_MAX:
            error = LogError(f"a message has at most {MESSAGE_BYTES_MAX} bytes, not {len(data)}")
            self._loop.call_soon(report, None, error)
        else:
            self._writer.submit(Append(log_id, data, report))

    def _delivered(self, batch: Sequence[Job], failure: LogError | None) -> None:
        arrived: dict[LogId, list[LogMessage]] = {}
        for job in batch:
            error = failure or job.refusal
            if error is None and isinstance(job, Append) and job.offset is not None:
                self._ends[job.log_id] = Offset(job.offset + 1)
                if job.log_id in self._readers:
                    arrived.setdefault(job.log_id, []).append(LogMessage(job.offset, job.data))
            self._settle(job, error)
        for log_id, messages in arrived.items():
            for reader in self._readers.get(log_id, ()):
                reader.push(messages)

    def _settle(self, job: Job, error: LogError | None) -> None:
        try:
            job.settle(error)
        except Exception as bug:  # noqa: BLE001 - a caller's mistake must not keep the others' reports from them
            self._loop.call_exception_handler({"message": "a log report failed", "exception": bug})

    def read(self, log_id: LogId, start: Offset) -> LmdbLogReader:
        """See `Log.read`."""
        reader = LmdbLogReader(self, log_id, start)
        self._readers.setdefault(log_id, set()).add(reader)
        return reader

    def forget_reader(self, log_id: LogId, reader: LmdbLogReader) -> None:
        """Hand nothing more to a reader."""
        readers = self._readers.get(log_id, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(log_id, None)

    def known_end(self, log_id: LogId) -> Offset:
        """Up to where this loop knows the log to be stored. Raises LogError for an unknown log, or after `close`."""
        self._check_open()
        end = self._ends.get(log_id)
        if end is None:
            end = self._ends[log_id] = self._store.end(log_id)
        return end

    async def stored(self, log_id: LogId, start: Offset) -> Sequence[LogMessage]:
        """A piece of the log from `start` on, which is below its known end."""
        try:
            return await self._loop.run_in_executor(self._reading, self._store.messages, log_id, start, READ_BYTES_MAX)
        except lmdb.Error as error:
            raise as_log_error(error) from error

    async def create(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.create`."""

        def make(txn: lmdb.Transaction) -> None:
            for log_id in log_ids:
                self._store.create(txn, log_id)

        await self._changed(make)

    async def delete(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.delete`. A crash half-way leaves a log that is trimmed and can be deleted again."""
        for log_id in sorted(set(log_ids).intersection(await self.list())):
            await self.trim(log_id, self.known_end(log_id))
            await self._changed(partial(self._store.remove, log_id=log_id))
            self._ends.pop(log_id, None)
            for reader in self._readers.get(log_id, ()):
                reader.wake()

    async def trim(self, log_id: LogId, before: Offset) -> None:
        """See `Log.trim`."""
        while not await self._changed(partial(self._store.trim, log_id=log_id, before=before)):
            pass

    async def _changed(self, make: Callable[[lmdb.Transaction], bool | None]) -> bool | None:
        self._check_open()
        done: asyncio.Future[bool | None] = self._loop.create_future()
        self._writer.submit(Change(make, done))
        return await done

    async def list(self) -> Sequence[LogId]:
        """See `Log.list`."""
        self._check_open()
        return self._store.ids()

    async def end(self, log_id: LogId) -> Offset:
        """See `Log.end`."""
        return self.known_end(log_id)

    async def start(self, log_id: LogId) -> Offset:
        """See `Log.start`."""
        self._check_open()
        return self._store.start(log_id)

    def _check_open(self) -> None:
        if not self._open:
            raise LogError("the log is closed")

    async def close(self) -> None:
        """See `Log.close`. What was queued is still committed and reported."""
        if not self._open:
            return
        self._open = False
        await self._loop.run_in_executor(self._reading, self._writer.finish)
        self._reading.shutdown()
        for readers in self._readers.values():
            for reader in readers:
                reader.wake()
        self._store.close()
        self._lock.release()
