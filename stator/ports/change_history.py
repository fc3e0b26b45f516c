"""The past of change streams as a need: read a shard from any point on, a page at a time.

What an implementation promises:

1. **All of it, in order.** Pages that follow each other hold every change of the shard from the first cursor's point on, once.
2. **Ends are told once.** `following` is None only when the stream has ended and everything of it has been given. A page may
   be empty and have a cursor all the same: what there is to read comes later, or a search is not over.
3. **Never waits for a change.** A page has what is there now. At the end of an idle shard it costs next to nothing, for
   consumers poll by the thousand.

Cursors outlive the process that made them, and any process takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stator.model.changes import ChangePoint, Shard, ShardCursor
from stator.rules.change_records import ChangeRecord


class HistoryUnavailableError(Exception):
    """Nothing can be read at the moment, or the shard's log is gone. The catalog tells which."""


class ChangesTrimmedError(Exception):
    """What lay behind the cursor is no longer kept."""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes of one shard, and where to read on."""

    records: Sequence[ChangeRecord]
    following: ShardCursor | None


class ChangeHistory(Protocol):
    """All change streams of one deployment. Each call raises HistoryUnavailableError when it cannot be answered."""

    async def tip(self, shard: Shard) -> ShardCursor:
        """Behind every change that was acknowledged before the call."""
        ...

    async def at(self, shard: Shard, point: ChangePoint) -> ShardCursor:
        """At that point, found once and for all. Raises ChangesTrimmedError."""
        ...

    async def since(self, shard: Shard, timestamp_us: int) -> ShardCursor:
        """Before the first change that is not older, or wherever such a one will come."""
        ...

    async def page(self, shard: Shard, cursor: ShardCursor, *, records_max: int, bytes_max: int) -> ChangePage:
        """What lies behind a cursor: at most `records_max` changes of `bytes_max` in all, but at least one if there is one.

        A change counts with its `size_bytes`. Raises ChangesTrimmedError.
        """
        ...

    async def ending(self, shard: Shard) -> ChangePoint | None:
        """A point behind the last change of a stream that has ended, the same at each call; None while there may be more."""
        ...
