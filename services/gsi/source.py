"""Keeps the indexes of one source partition up to date for as long as this process should: claim, feed, and again.

A fence, a doubt and a gap have one cure: let go of all lanes, claim them anew, and go on where they stand. Only damage
is not cured that way; it halts this source and nothing else.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing

import structlog

from stator.model.errors import DamagedDataError, DomainError, NotLeaderError
from stator.model.positions import LogId, Offset
from stator.model.tables import Table
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log, LogReader
from stator.rules.append_patience import Patience

from .base_items import BaseItems
from .index_log import RETRY_S, IndexLog, IndexLogs
from .lane import Lane
from .propagate import Propagator

_log = structlog.get_logger()

FENCED_PAUSE_S = (1.0, 3.0)
"""How long to stand back after somebody else claimed. Whoever should have the source claims again once all agree."""

ReadSource = Callable[[LogId, Offset], LogReader]
"""Opens a source log at an offset: `Log.read`, or a consumer that does its own bookkeeping."""


class IndexedSource:
    """One partition of a table that has indexes. `run` it as a task."""

    def __init__(
        self,
        node: str,
        table: Table,
        source: LogId,
        read: ReadSource,
        base_items: BaseItems,
        index_logs: IndexLogs,
        log: Log,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self.table = table
        self.source = source
        self.propagator: Propagator | None = None
        """The hold in force, if there is one."""
        self._node = node
        self._read = read
        self._base_items = base_items
        self._index_logs = index_logs
        self._log = log
        self._clock = clock
        self._ids = ids
        self._patience = Patience()

    async def run(self) -> None:
        """Propagate until cancelled, or until a log turns out damaged."""
        with ExitStack() as stack:
            index_logs = {
                part.log_id: stack.enter_context(self._index_logs.following(part.log_id))
                for index in self.table.indexes
                for part in index.partitions
            }
            while True:
                try:
                    await self._hold(index_logs)
                except DamagedDataError as error:
                    _log.error("index_source_halted", source=self.source, reason=error.message)
                    return
                except (DomainError, OSError) as failure:
                    _log.info("index_lanes_lost", source=self.source, reason=str(failure))
                    pause = FENCED_PAUSE_S if isinstance(failure, NotLeaderError) else RETRY_S
                    await self._clock.sleep(self._ids.jitter(*pause))

    async def _hold(self, index_logs: dict[LogId, IndexLog]) -> None:
        """Hold all lanes, for ever: raises what ends that."""

        def open_lane(log_id: LogId, changed: Callable[[], None]) -> Lane:
            return Lane(
                index_logs[log_id],
                self.source,
                self._node,
                self._log,
                self._clock,
                self._ids,
                self._patience,
                changed,
            )

        with closing(Propagator(self.table, self.source, open_lane, self._base_items, self._clock)) as propagator:
            # No TaskGroup and no `gather`, which forget that they were cancelled if something fails at that very moment.
            parts = (propagator.guard(), propagator.failed(), self._feed(propagator, index_logs))
            tasks = [asyncio.ensure_future(part) for part in parts]
            try:
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.propagator = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            next(task for task in tasks if task in ended).result()

    async def _feed(self, propagator: Propagator, index_logs: dict[LogId, IndexLog]) -> None:
        for index_log in index_logs.values():
            await index_log.caught_up()
        await propagator.claim()
        self.propagator = propagator
        _log.info("index_lanes_claimed", source=self.source, next_offset=propagator.next_offset)
        reader = self._read(self.source, propagator.next_offset)
        try:
            while True:
                await propagator.feed(await reader.read())
        finally:
            reader.close()
