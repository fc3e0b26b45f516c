"""Logs for new tables: ids that are given once and never again, logs made ahead so that CreateTable need not wait for Kafka, and
the end of logs that belong to nothing.

The catalog's pool entry says which ids are taken. A process that dies between taking ids and entering the table, or between
removing the table and its logs, leaves logs that no table names: those go when two looks in a row have found them so.
"""

import structlog

from stator.codec.catalog_entries import Entry, LogPool
from stator.model.positions import CATALOG_LOG, LogId
from stator.ports.log import Log
from stator.runtime.catalog import Catalog
from stator.runtime.catalog_writer import CatalogWriter

_log = structlog.get_logger()

SPARE_LOGS = 16
"""Logs that exist before anybody asks: a table of four partitions with three indexes. None on an exclusive log, where making one
costs nothing."""


class LogStock:
    """One control process's access to the pool of logs."""

    def __init__(self, log: Log, catalog: Catalog, writer: CatalogWriter) -> None:
        self._log = log
        self._catalog = catalog
        self._writer = writer
        self._made = 0
        """Every log with a smaller id exists or has existed, as far as this process knows."""
        self._unused: set[LogId] = set()

    async def take(self, count: int) -> list[LogId]:
        """Ids that nobody else will ever have, of logs that exist."""
        while True:
            first, version_us = self._catalog.pool()
            if await self._writer.replace("", Entry(pool=LogPool(first + count)), version_us):
                break
            await self._writer.up_to_date()
        ids = [LogId(first + number) for number in range(count)]
        await self._make([log_id for log_id in ids if log_id >= self._made])
        return ids

    async def refill(self) -> None:
        """Make logs ahead."""
        first, _ = self._catalog.pool()
        wanted = first + SPARE_LOGS
        if not self._log.exclusive and wanted > self._made:
            await self._make([LogId(number) for number in range(max(first, self._made), wanted)])

    async def drop_unused(self) -> None:
        """Delete logs that belonged to no table now and when this was last called; call it a minute apart, which is longer
        than a table operation takes.
        """
        await self._writer.up_to_date()
        first, _ = self._catalog.pool()
        used = {log_id for table in self._catalog.with_deleted() for log_id in table.logs}
        there = await self._log.list()
        unused = {log_id for log_id in there if CATALOG_LOG < log_id < first and log_id not in used}
        doomed, self._unused = sorted(unused & self._unused), unused
        if doomed:
            await self._log.delete(doomed)
            _log.info("unused_logs_deleted", log_ids=doomed)

    async def _make(self, ids: list[LogId]) -> None:
        if ids:
            await self._log.create(ids)
            self._made = max(self._made, ids[-1] + 1)
