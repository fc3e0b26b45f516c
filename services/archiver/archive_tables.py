"""Which logs are archived: the catalog's, the ledger, and every log of every table. Index logs are not: indexes are rebuilt."""

import asyncio
from collections.abc import Callable, Iterator

import structlog

from stator.model.errors import DamagedDataError, LogError
from stator.model.positions import COMMON_LOGS, LogId
from stator.model.tables import Table
from stator.ports.archive import Archive
from stator.ports.clock import Clock
from stator.ports.log import Log
from stator.rules.reports import Place
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks

from .ship_segments import SegmentLimits, SegmentShipper

_log = structlog.get_logger()

RETRY_S = 5.0


class ArchiverService:
    """One shipper per log, for the logs that are this process's (`mine`)."""

    def __init__(
        self,
        log: Log,
        archive: Archive,
        catalog: Catalog,
        clock: Clock,
        tasks: Tasks,
        limits: SegmentLimits,
        mine: Callable[[LogId], bool],
    ) -> None:
        self.shippers: dict[LogId, SegmentShipper] = {}
        self._log = log
        self._archive = archive
        self._clock = clock
        self._tasks = tasks
        self._limits = limits
        self._mine = mine
        self._running: dict[LogId, asyncio.Task[None]] = {}
        self._halted: dict[LogId, str] = {}
        for log_id in COMMON_LOGS:
            self._start(log_id)
        for held in catalog.tables.values():
            self._changed(None, held.table)
        catalog.watchers.append(self._changed)

    def places(self) -> Iterator[Place]:
        """How far this process has shipped its logs."""
        for log_id, shipper in self.shippers.items():
            yield Place(
                log_id=log_id,
                duty="archives",
                next_offset=shipper.archived_until,
                waiting_s=shipper.waiting_s,
                problem=self._halted.get(log_id, ""),
            )

    def _changed(self, before: Table | None, after: Table | None) -> None:
        if after is None and before is not None:
            for partition in before.partitions:
                self._stop(partition.log_id)
        if after is not None and after.status != "DELETING":
            for partition in after.partitions:
                self._start(partition.log_id)

    def _start(self, log_id: LogId) -> None:
        if log_id in self.shippers or not self._mine(log_id):
            return
        shipper = SegmentShipper(self._log, self._archive, self._clock, log_id, self._limits)
        self.shippers[log_id] = shipper
        self._running[log_id] = self._tasks.spawn(f"archive-{log_id}", self._ship(log_id, shipper))

    async def _ship(self, log_id: LogId, shipper: SegmentShipper) -> None:
        """One log's damage or disappearance must not stop the others."""
        while True:
            try:
                await shipper.run()
            except DamagedDataError as error:
                _log.error("archiving_halted", log_id=log_id, reason=error.message)
                self._halted[log_id] = error.message
                return
            except LogError as error:
                _log.warning("archiving_interrupted", log_id=log_id, reason=error.message)
                await self._clock.sleep(RETRY_S)

    def _stop(self, log_id: LogId) -> None:
        if self.shippers.pop(log_id, None) is not None:
            self._running.pop(log_id).cancel()
            self._halted.pop(log_id, None)
