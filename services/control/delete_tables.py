"""The way of a table out of the catalog, and of its logs out of the deployment.

A table whose streams nobody can read goes at once. Any other is first told its streams' end, as if they were switched off; then a
deleted table's entry takes the place of the table's, so that the name is free and every process forgets the partitions, and the
logs stay until the last of the streams has been over for a day. Each step is a compare-and-set; whoever comes next sees where the
one before stopped.

Not to break: the deleted table's entry is there before the table's goes, or `LogStock` would take the logs.
"""

import structlog

from stator.codec.catalog_entries import Entry, deleted_name
from stator.model.errors import DomainError, RetryableError
from stator.model.tables import Table
from stator.ports.clock import Clock
from stator.ports.log import Log
from stator.runtime.catalog import Catalog, Versioned
from stator.runtime.catalog_writer import CatalogWriter

from .change_tables import TableChanges

_log = structlog.get_logger()

LEADERS_PATIENCE_S = 30.0
"""How long a table with streams waits for the leaders of its logs, to tell them that its streams end. Then it goes without: its
shards stay open until they are forgotten."""

_RETRY_S = 1.0


class TableRemoval:
    """One control process's part of deleting tables."""

    def __init__(self, log: Log, catalog: Catalog, writer: CatalogWriter, changes: TableChanges, clock: Clock) -> None:
        self._log = log
        self._catalog = catalog
        self._writer = writer
        self._changes = changes
        self._clock = clock

    def due(self, table: Table) -> bool:
        """Whether there is anything to do for a table that is DELETING, or deleted, now."""
        return self.held(table) is not None or not table.ended_and_readable(self._clock.now_us())

    async def carry_on(self, table: Table) -> None:
        """Do what is due."""
        if self.held(table) is None:
            await self._forget(table)
            return
        await self._keep_streams(table)
        while (held := self.held(table)) is not None:
            try:
                if not await self._writer.replace(table.name, None, held.version_us):
                    await self._writer.up_to_date()
            except RetryableError:
                # Done or not: the catalog will show. Nobody else would come back for the logs of a table that is gone.
                await self._clock.sleep(_RETRY_S)
        kept = self._catalog.deleted.get(table.table_id)
        await self._log.delete([log_id for log_id in table.logs if kept is None or log_id not in kept.table.logs])
        _log.info("table_deleted", table=table.name, streams_kept=kept is not None)

    def held(self, table: Table) -> Versioned | None:
        """The entry of that very table under its name, and not of another one that has the name now."""
        held = self._catalog.tables.get(table.name)
        return held if held is not None and held.table.table_id == table.table_id else None

    async def _keep_streams(self, table: Table) -> None:
        if not table.ended_and_readable(self._clock.now_us()):
            return
        try:
            await self._changes.settle(table)
        except DomainError as error:
            waited_us = self._clock.now_us() - table.ended_streams[-1].ended_us
            if waited_us < LEADERS_PATIENCE_S * 1_000_000:
                raise
            _log.warning("stream_end_untold", table=table.name, reason=error.message)
        held = self.held(table)
        if held is not None:  # the replacement is refused if a process before us has made the entry
            entry = Entry(deleted=held.table.evolve(indexes=()))
            await self._writer.replace(deleted_name(table.table_id), entry, expected_us=0)

    async def _forget(self, table: Table) -> None:
        held = self._catalog.deleted.get(table.table_id)
        if held is not None and await self._writer.replace(deleted_name(table.table_id), None, held.version_us):
            await self._log.delete(table.logs)
            _log.info("deleted_streams_forgotten", table=table.name)
