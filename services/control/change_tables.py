"""Operations that change a table that exists: by compare-and-set on its entry, and by a Define to each of its logs where they
must know of it.

The entry says whether its logs are still owed its definition (`Table.settled`), so any control process can carry that on. A
definition that is late does no harm: leaders append none that is older than what their log has.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from stator.codec.catalog_entries import encode_table
from stator.model.errors import (
    ContinuousBackupsUnavailableError,
    ResourceInUseError,
    ResourceNotFoundError,
    TableNotFoundError,
    ValidationError,
)
from stator.model.positions import TimestampUs
from stator.model.tables import ContinuousBackups, Table
from stator.ports.clock import Clock
from stator.rules.commands import Define
from stator.rules.resource_arns import table_named_by
from stator.rules.stream_labels import labels_of
from stator.rules.table_changes import check_update, revised, updated_table, with_time_to_live
from stator.rules.table_descriptions import describe_backups, describe_table
from stator.rules.table_tags import tagged, untagged
from stator.runtime.catalog import Catalog, Versioned
from stator.runtime.catalog_writer import CatalogWriter
from stator.runtime.partition_client import PartitionClient

_log = structlog.get_logger()

Change = Callable[[Table], Table]


class TableChanges:
    """One control process's part of changing tables. `settle_later` starts the work that an unsettled entry asks for."""

    def __init__(
        self,
        catalog: Catalog,
        writer: CatalogWriter,
        partitions: PartitionClient,
        clock: Clock,
        settle_later: Callable[[Table], None],
    ) -> None:
        self._catalog = catalog
        self._writer = writer
        self._partitions = partitions
        self._clock = clock
        self._settle_later = settle_later
        self.operations = {
            "TagResource": self._tag_resource,
            "UntagResource": self._untag_resource,
            "UpdateContinuousBackups": self._update_continuous_backups,
            "UpdateTable": self._update_table,
            "UpdateTimeToLive": self._update_time_to_live,
        }

    async def settle(self, table: Table) -> None:
        """Give every log of a table the definition that the catalog has, until they all have it."""
        while True:
            await self._writer.up_to_date()
            held = self._catalog.tables.get(table.name)
            if held is None or held.table.table_id != table.table_id or held.table.status == "CREATING":
                return
            if held.table.settled:
                return
            settled = held.table.evolve(settled=True)
            definition = encode_table(settled)
            await asyncio.gather(
                *(
                    self._partitions.ask_leader(part.log_id, "define", Define(part.log_id, definition))
                    for part in settled.partitions
                )
            )
            if await self._writer.set(settled, held.version_us):
                _log.info("table_defined", table=table.name, revision=settled.revision)

    # --- operations ------------------------------------------------------------------------------------------

    async def _update_table(self, request: dict[str, Any]) -> dict[str, Any]:
        check_update(request)
        name, now_us = request["TableName"], self._clock.now_us()

        def update(table: Table) -> Table:
            return updated_table(request, table, now_us, labels_of(self._catalog.bearers(name)))

        changed = await self._change(name, update)
        return {"TableDescription": describe_table(changed, {})}

    async def _update_time_to_live(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request["TimeToLiveSpecification"]
        attribute, enabled = wanted["AttributeName"], wanted["Enabled"]
        await self._change(request["TableName"], lambda table: with_time_to_live(table, attribute, enabled=enabled))
        return {"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute}}

    async def _tag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._change_tags(request["ResourceArn"], lambda table: tagged(table, request["Tags"]))

    async def _untag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._change_tags(request["ResourceArn"], lambda table: untagged(table, request["TagKeys"]))

    async def _change_tags(self, arn: str, change: Change) -> dict[str, Any]:
        name = table_named_by(arn)
        await self._writer.up_to_date()
        if self._catalog.table(name) is None:
            raise ResourceNotFoundError(f"Requested resource not found: ResourcArn: {arn} not found")
        await self._change(name, change)
        return {}

    async def _update_continuous_backups(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TableName"]
        wanted = request["PointInTimeRecoverySpecification"]
        enabled = wanted["PointInTimeRecoveryEnabled"]
        days = wanted.get("RecoveryPeriodInDays", 35)
        if not enabled and "RecoveryPeriodInDays" in wanted:
            raise ValidationError("RecoveryPeriodInDays can only be given when point in time recovery is enabled")
        while True:
            await self._writer.up_to_date()
            held = self._catalog.tables.get(name)
            if held is None:
                raise TableNotFoundError(f"Table not found: {name}")
            if held.table.status != "ACTIVE":
                raise ContinuousBackupsUnavailableError("Backups are being enabled for the table. Please retry later")
            before = held.table.backups
            since = before.enabled_us if before.enabled else TimestampUs(self._clock.now_us())
            table = held.table.evolve(backups=ContinuousBackups(enabled, days, since if enabled else TimestampUs(0)))
            if await self._writer.set(table, held.version_us):
                break
        return {"ContinuousBackupsDescription": describe_backups(table, self._clock.now_us())}

    # --- changing an entry -----------------------------------------------------------------------------------

    async def _change(self, name: str, change: Change) -> Table:
        """Make the change on whatever the entry is when it succeeds; the table once its logs know of it, if that is soon."""
        while True:
            await self._writer.up_to_date()
            held = self._changeable(name)
            changed = revised(held.table, change(held.table))
            if changed == held.table or await self._writer.set(changed, held.version_us):
                break
        if changed.settled:
            return changed
        self._settle_later(changed)
        return await self._when_settled(changed)

    def _changeable(self, name: str) -> Versioned:
        held = self._catalog.tables.get(name)
        if held is None:
            raise ResourceNotFoundError(f"Requested resource not found: Table: {name} not found")
        if held.table.status != "ACTIVE":
            doing = "created" if held.table.status == "CREATING" else "deleted"
            raise ResourceInUseError(
                f"Attempt to change a resource which is still in use: Table is being {doing}: {name}"
            )
        return held

    async def _when_settled(self, table: Table) -> Table:
        def settled(catalog: Catalog) -> bool:
            found = catalog.table(table.name)
            return found is None or found.table_id != table.table_id or found.settled

        await self._catalog.soon(settled)
        return self._catalog.table(table.name) or table
