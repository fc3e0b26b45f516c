"""Group commit: one thread takes everything that is queued whenever the disk is free, and syncs it in one transaction.

No timers and no polling: an idle thread blocks on the queue, a busy one finds its next batch there. The queue is all
that the event loop and the thread share; a batch belongs to the thread until it is handed back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

import lmdb

from stator.adapters.log_lmdb_store import LmdbLogStore, as_log_error
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.log import Report

BATCH_BYTES_MAX = 16 * 1024 * 1024
"""Where a commit is cut, so that the first in the queue does not wait for the last."""


@dataclass(slots=True, eq=False)
class Append:
    """One message on its way into the log."""

    log_id: LogId
    data: bytes
    report: Report
    offset: Offset | None = None
    refusal: LogError | None = None

    def write(self, store: LmdbLogStore, txn: lmdb.Transaction) -> None:
        """Put the record into the transaction."""
        self.offset = store.append(txn, self.log_id, self.data)

    def settle(self, error: LogError | None) -> None:
        """Tell the caller."""
        self.report(None if error else self.offset, error)


@dataclass(slots=True, eq=False)
class Change:
    """Anything else that writes, in order with the appends."""

    make: Callable[[lmdb.Transaction], bool | None]
    done: asyncio.Future[bool | None]
    data: bytes = b""
    result: bool | None = None
    refusal: LogError | None = None

    def write(self, _store: LmdbLogStore, txn: lmdb.Transaction) -> None:
        """Make the change in the transaction."""
        self.result = self.make(txn)

    def settle(self, error: LogError | None) -> None:
        """Wake the caller, unless it was cancelled."""
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(self.result)


Job = Append | Change


class LogWriter:
    """The writing thread of one store; `delivered` is called on the loop once per batch, synced or failed."""

    def __init__(self, store: LmdbLogStore, delivered: Callable[[Sequence[Job], LogError | None], None]) -> None:
        self._store = store
        self._delivered = delivered
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Thread(target=self._write_until_finished, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; jobs are done in the order they were submitted."""
        self._queue.put(job)

    def finish(self) -> None:
        """Commit what is queued, then end the thread. Blocks; nothing may be submitted any more."""
        self._queue.put(None)
        self._thread.join()

    def _write_until_finished(self) -> None:
        while batch := self._next_batch():
            failure = self._commit(batch)
            with suppress(RuntimeError):  # the loop is gone: nobody is left to be told
                self._loop.call_soon_threadsafe(self._delivered, batch, failure)

    def _next_batch(self) -> list[Job]:
        batch: list[Job] = []
        batch_bytes = 0
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            batch_bytes += len(job.data)
            if batch_bytes >= BATCH_BYTES_MAX:
                return batch
            try:
                job = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
            self._queue.put(None)  # found behind the last jobs: find it again when they are done
        return batch

    def _commit(self, batch: Sequence[Job]) -> LogError | None:
        try:
            with self._store.writing() as txn:
                for job in batch:
                    try:
                        job.write(self._store, txn)
                    except LogError as refusal:
                        job.refusal = refusal
        except lmdb.Error as error:
            self._store.forget_ends()
            return as_log_error(error)
        except Exception as bug:  # noqa: BLE001 - a dead thread would leave every later append without a report
            self._store.forget_ends()
            return LogError(f"the log writer failed: {bug!r}")
        return None
