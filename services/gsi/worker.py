"""Indexes without Faust: standalone and the simulator run this, and so can a cluster. Everything goes through ports."""

from collections.abc import Callable

from stator.model.positions import LogId, LogPosition
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks

from .assignment import IndexedSources
from .base_items import BaseItems
from .index_log import Known

REASSIGN_S = 1.0


class IndexWorker:
    """Keeps all indexes up to date, or those of the sources for which `mine` holds."""

    def __init__(
        self,
        node: str,
        log: Log,
        catalog: Catalog,
        clock: Clock,
        ids: IdSource,
        tasks: Tasks,
        base_items: BaseItems,
        *,
        mine: Callable[[LogId], bool] = lambda _: True,
        known: Known = lambda _: LogPosition(),
    ) -> None:
        """`mine` may change its mind; it is asked again every second. All work ends with `tasks`.

        `known`: where the process's own views of index logs stand; without them, index logs are read from offset 0.
        """
        self.sources = IndexedSources(node, log, catalog, clock, ids, tasks, base_items, log.read, known)
        self._clock = clock
        self._mine = mine
        catalog.watchers.append(lambda _before, _after: self.sources.assign(mine))
        tasks.spawn("index-assignment", self._reassign())

    async def _reassign(self) -> None:
        while True:
            self.sources.assign(self._mine)
            await self._clock.sleep(REASSIGN_S)
