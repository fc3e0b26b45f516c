"""The write-ahead log as a need: many logs, each append-only and totally ordered, named by `LogId`.

What an implementation promises:

1. **One order.** All readers of a log see the same bytes at the same offsets, for ever (until trimmed). Offsets start at 0
   and have no gaps.
2. **Reported means durable.** An append reported with an offset survives the loss of a minority of replicas (Kafka) or a
   crash of the machine (LMDB), and every reader will see it.
3. **Unreported means unknown.** An append whose report is an error, or never comes, may be in the log, may appear later,
   even after its process died, and later appends may be in the log without it. Nobody may conclude "not written" from an
   error (protocol P1-P3; resolved by claims, R8).
4. **Anybody can append.** A log does not fence; readers do (`rules/acceptance.py`). Only an `exclusive` implementation
   guarantees that no second process can write.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage

Report = Callable[[Offset | None, LogError | None], None]
"""Called once per append on the event loop: (offset, None) on success, (None, None) on a success whose offset is not known,
(None, error) when the outcome is unknown. Reports of one log may come in any order."""

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""A transaction of 100 items of 400 KB with old images must fit."""


class LogReader(Protocol):
    """Reads one log in order from where it was opened. One reader, one consumer."""

    async def read(self) -> Sequence[LogMessage]:
        """Wait until at least one message is there, then return all that have arrived (bounded to some MB).

        Safe to cancel: a message not returned is returned by the next call.
        Raises LogError when the position has been trimmed away, or the log does not exist.
        """
        ...

    def close(self) -> None:
        """Stop fetching. Idempotent."""
        ...


class LogSource(Protocol):
    """Logs, for whoever only follows them."""

    def read(self, log_id: LogId, start: Offset) -> LogReader:
        """Open a reader whose first message is the one at `start` (or the first that comes there)."""
        ...

    async def end(self, log_id: LogId) -> Offset:
        """The offset that the next append might get: a recent value, possibly stale, so only a hint (protocol P6)."""
        ...


class Log(LogSource, Protocol):
    """All logs of one deployment."""

    exclusive: bool
    """True: a lock makes a second writing process impossible, so leases and barriers are not needed."""

    async def create(self, log_ids: Sequence[LogId]) -> None:
        """Make empty logs; those that exist are left alone. Returns when they can be appended to."""
        ...

    async def delete(self, log_ids: Sequence[LogId]) -> None:
        """Remove logs for good. Their ids are never used again."""
        ...

    async def list(self) -> Sequence[LogId]:
        """The ids of all logs that exist, ascending."""
        ...

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        """Add one message at the end; at most MESSAGE_BYTES_MAX. Never blocks and never raises for what the log does:
        everything is told through `report`. Appends of one caller to one log land in call order if they land.
        """
        ...

    async def start(self, log_id: LogId) -> Offset:
        """The first offset still kept."""
        ...

    async def trim(self, log_id: LogId, before: Offset) -> None:
        """Allow everything below `before` to be dropped. May take effect later."""
        ...

    async def close(self) -> None:
        """Give up all resources; appends in flight get an error report."""
        ...
