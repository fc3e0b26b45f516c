"""Where the records of the LMDB log lie: all logs of a data directory in one environment, so that one sync serves all.

    logs     log id (u64 BE)                      -> first offset kept (u64 BE)
    records  log id (u64 BE) | offset (u64 BE)    -> the message's bytes

A log's end is its last record's offset plus one, or its first offset when it holds none, so an append writes one record
and nothing else, and opening costs the same for ten logs and ten thousand. The environment syncs on every commit: it is
the truth.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from struct import Struct

import lmdb

from stator.adapters.lmdb_environment import open_environment, translated
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage

ENGINE = 0
TRIM_RECORDS_MAX = 1_000
"""What one transaction drops, so that appends never wait long behind a trim."""

_ID = Struct(">Q")
_RECORD = Struct(">QQ")


def as_log_error(error: lmdb.Error) -> LogError:
    """What LMDB's failure is to the user of a log."""
    return LogError(str(translated(error)))


class LmdbLogStore:
    """One thread writes; any may read. Methods that take a transaction belong to the writing thread."""

    def __init__(self, path: Path, map_bytes: int) -> None:
        """Raises lmdb.Error when the environment cannot be opened."""
        self._env = open_environment(path, engine=ENGINE, map_bytes=map_bytes, sub_databases=2, sync=True)
        self._logs = self._env.open_db(b"logs")
        self._records = self._env.open_db(b"records")
        self._ends: dict[LogId, int] = {}

    def close(self) -> None:
        """Close the files; no transaction may be open."""
        self._env.close()

    def writing(self) -> AbstractContextManager[lmdb.Transaction]:
        """A transaction, durable once its block has ended; call `forget_ends` when it ended in an exception."""
        return self._env.begin(write=True, db=self._records)

    def forget_ends(self) -> None:
        """Take what the writer knew about ends from the file again: a transaction failed."""
        self._ends.clear()

    def create(self, txn: lmdb.Transaction, log_id: LogId) -> None:
        """Make an empty log, unless it exists."""
        txn.put(_ID.pack(log_id), _ID.pack(0), overwrite=False, db=self._logs)

    def append(self, txn: lmdb.Transaction, log_id: LogId, data: bytes) -> Offset:
        """Put one record at the end. Raises LogError for an unknown log, having written nothing."""
        offset = self._ends[log_id] if log_id in self._ends else self._end(txn, log_id)
        txn.put(_RECORD.pack(log_id, offset), data)
        self._ends[log_id] = offset + 1
        return Offset(offset)

    def trim(self, txn: lmdb.Transaction, log_id: LogId, before: int) -> bool:
        """Drop some records below `before`; whether that was the last of them. Raises LogError for an unknown log."""
        start = self._start(txn, log_id)
        until = min(before, self._end(txn, log_id))
        stop = min(until, start + TRIM_RECORDS_MAX)
        for offset in range(start, stop):
            txn.delete(_RECORD.pack(log_id, offset))
        if stop > start:
            txn.put(_ID.pack(log_id), _ID.pack(stop), db=self._logs)
        return stop >= until

    def remove(self, txn: lmdb.Transaction, log_id: LogId) -> None:
        """Remove a log and what is left in it."""
        while not self.trim(txn, log_id, self._end(txn, log_id)):
            pass
        txn.delete(_ID.pack(log_id), db=self._logs)
        self._ends.pop(log_id, None)

    def ids(self) -> list[LogId]:
        """All logs, ascending."""
        with self._env.begin(db=self._logs) as txn, txn.cursor() as cursor:
            return [LogId(_ID.unpack(key)[0]) for key in cursor.iternext(values=False)]

    def start(self, log_id: LogId) -> Offset:
        """The first offset kept. Raises LogError for an unknown log."""
        with self._env.begin() as txn:
            return Offset(self._start(txn, log_id))

    def end(self, log_id: LogId) -> Offset:
        """The offset of the next append, as committed. Raises LogError for an unknown log."""
        with self._env.begin() as txn:
            return Offset(self._end(txn, log_id))

    def messages(self, log_id: LogId, start: Offset, bytes_max: int) -> Sequence[LogMessage]:
        """Records from `start` on: as many as `bytes_max` holds, at least one if there is one.

        Raises LogError for an unknown log or a trimmed start.
        """
        found: list[LogMessage] = []
        with self._env.begin(db=self._records) as txn, txn.cursor() as cursor:
            kept_from = self._start(txn, log_id)
            if start < kept_from:
                raise LogError(f"log {log_id} starts at {kept_from}, {start} was trimmed")
            if not cursor.set_range(_RECORD.pack(log_id, start)):
                return found
            for key, data in cursor.iternext():
                found_id, offset = _RECORD.unpack(key)
                bytes_max -= len(data)
                if found_id != log_id or (found and bytes_max < 0):
                    break
                found.append(LogMessage(Offset(offset), bytes(data)))
        return found

    def _start(self, txn: lmdb.Transaction, log_id: LogId) -> int:
        stored = txn.get(_ID.pack(log_id), db=self._logs)
        if stored is None:
            raise LogError(f"log {log_id} does not exist")
        start: int = _ID.unpack(stored)[0]
        return start

    def _end(self, txn: lmdb.Transaction, log_id: LogId) -> int:
        with txn.cursor(db=self._records) as cursor:
            behind = cursor.set_range(_RECORD.pack(log_id + 1, 0))
            if cursor.prev() if behind else cursor.last():
                found_id, offset = _RECORD.unpack(cursor.key())
                if found_id == log_id:
                    return int(offset) + 1
        return self._start(txn, log_id)
