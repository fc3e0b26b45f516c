"""Which logs this process publishes: those of every table with a stream, shared out among the processes that are alive.

The catalog says which streams there are, rendezvous hashing whose they are. Two processes may believe for a while that a
log is theirs; opening an appender fences, so nothing is published twice.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from stator.model.positions import LogId
from stator.model.tables import Table
from stator.ports.changes import Changes
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.placement import preference
from stator.rules.reports import Place
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks

from .follow import Follower

LOOK_S = 1.0
"""How often the list of living processes is looked at; a change of the catalog is seen at once."""


class FollowTables:
    """Starts and stops the followers of this process. `run` it as a task."""

    def __init__(
        self,
        node: str,
        alive: Callable[[], Sequence[str]],
        catalog: Catalog,
        log: Log,
        changes: Changes,
        clock: Clock,
        ids: IdSource,
        tasks: Tasks,
    ) -> None:
        self._node = node
        self._alive = alive
        self._catalog = catalog
        self._log = log
        self._changes = changes
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._following: dict[LogId, tuple[Follower, asyncio.Task[None]]] = {}
        catalog.watchers.append(lambda _before, _after: self.share_out())

    async def run(self) -> None:
        """Keep to what the living processes should publish, for ever."""
        while True:
            self.share_out()
            await self._clock.sleep(LOOK_S)

    def places(self) -> Iterator[Place]:
        """How far this process has published its logs."""
        for follower, _ in self._following.values():
            yield follower.place

    def share_out(self) -> None:
        """Start what has become ours and stop what no longer is."""
        nodes = self._alive()
        ours = {
            partition.log_id: (table, number)
            for table in self._streamed()
            for number, partition in enumerate(table.partitions)
            if preference(partition.log_id, nodes)[0] == self._node
        }
        for log_id in self._following.keys() - ours.keys():
            self._following.pop(log_id)[1].cancel()
        for log_id in ours.keys() - self._following.keys():
            follower = Follower(self._log, self._changes, self._clock, self._ids, *ours[log_id])
            self._following[log_id] = follower, self._tasks.spawn(f"stream-{log_id}", follower.run())

    def _streamed(self) -> list[Table]:
        """Tables with a stream now, and those whose stream was switched off less than a day ago, or was deleted with them: what
        their logs hold up to that place is still to be published, also by a process that takes over.
        """
        now_us = self._clock.now_us()
        return [
            table
            for table in self._catalog.with_deleted()
            if table.status != "CREATING" and (table.stream is not None or table.ended_and_readable(now_us))
        ]
