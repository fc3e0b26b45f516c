"""Table operations: what a request makes of the catalog, by compare-and-set, and the work that a new state asks for.

Control processes hold no state and need no leader among them: the catalog is an ordinary partition with an ordinary leader, every
step is a compare-and-set on it, and any control process can carry on where another stopped.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import structlog

from stator.codec.catalog_entries import encode_table
from stator.model.errors import (
    DomainError,
    InvalidRestoreTimeError,
    PointInTimeRecoveryUnavailableError,
    ResourceInUseError,
    ResourceNotFoundError,
    TableAlreadyExistsError,
    TableNotFoundError,
    UnknownOperationError,
    ValidationError,
)
from stator.model.positions import TimestampUs
from stator.model.tables import Table, even_partitions
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.commands import Control, ControlAnswer, Define
from stator.rules.stream_labels import labels_of
from stator.rules.table_changes import leaving
from stator.rules.table_descriptions import describe_deleted_table, describe_table, restorable
from stator.rules.table_requests import new_table, restored_table
from stator.runtime.catalog import Catalog
from stator.runtime.catalog_writer import CatalogWriter
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient

from .change_tables import TableChanges
from .delete_tables import TableRemoval
from .log_stock import LogStock

_log = structlog.get_logger()

SWEEP_S = 60.0
"""Between two looks for logs that belong to no table."""

_RESUME_S = 1.0


class TableControl:
    """One control process's part of all table work."""

    def __init__(
        self,
        log: Log,
        catalog: Catalog,
        partitions: PartitionClient,
        clock: Clock,
        ids: IdSource,
        tasks: Tasks,
        partitions_per_table: int,
        on_duty: Callable[[], bool],
    ) -> None:
        self._log = log
        self._catalog = catalog
        self._writer = CatalogWriter(catalog, partitions)
        self._stock = LogStock(log, catalog, self._writer)
        self._partitions = partitions
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._partitions_per_table = partitions_per_table
        self._on_duty = on_duty
        self._working: set[str] = set()
        self._changes = TableChanges(catalog, self._writer, partitions, clock, self._start_work)
        self._removal = TableRemoval(log, catalog, self._writer, self._changes, clock)
        self._operations = {
            "CreateTable": self._create_table,
            "DeleteTable": self._delete_table,
            "RestoreTableToPointInTime": self._restore_table,
            **self._changes.operations,
        }

    def serve(self, message: Control) -> "asyncio.Future[ControlAnswer]":
        """Carry out one table operation."""
        operation = self._operations.get(message.operation)
        if operation is None:
            raise UnknownOperationError
        return self._tasks.request(message.operation, self._answer(operation, msgspec.json.decode(message.request)))

    async def _answer(self, operation: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> ControlAnswer:
        body: dict[str, Any] = await operation(request)
        return ControlAnswer(msgspec.json.encode(body), self._catalog.next_offset)

    # --- operations ------------------------------------------------------------------------------------------

    async def _create_table(self, request: dict[str, Any]) -> dict[str, Any]:
        await self._writer.up_to_date()
        used_labels = labels_of(self._catalog.bearers(request["TableName"]))
        table = new_table(request, self._ids.uuid(), self._clock.now_us(), used_labels)
        if self._catalog.table(table.name) is not None:
            raise ResourceInUseError(f"Table already exists: {table.name}")
        wanted = _partition_tag(table) or self._partitions_per_table
        table = await self._with_logs(table, wanted)
        if not await self._writer.set(table, expected_us=0):
            raise ResourceInUseError(f"Table already exists: {table.name}")
        self._start_work(table)
        return {"TableDescription": describe_table(await self._when_active(table), {})}

    async def _delete_table(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TableName"]
        await self._writer.up_to_date()
        held = self._catalog.tables.get(name)
        if held is None:
            raise ResourceNotFoundError(f"Requested resource not found: Table: {name} not found")
        if any(_restores_from(other.table, held.table) for other in self._catalog.tables.values()):
            raise ResourceInUseError(
                f"Attempt to change a resource which is still in use: Table is the source of a restore: {name}"
            )
        if held.table.status == "CREATING" and held.table.restore is None:
            raise ResourceInUseError(
                f"Attempt to change a resource which is still in use: Table is being created: {name}"
            )
        if held.table.deletion_protection:
            raise ValidationError(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
            )
        deleting = held.table
        if deleting.status != "DELETING":
            deleting = leaving(held.table, self._clock.now_us())
            if not await self._writer.set(deleting, held.version_us):
                raise ResourceInUseError(f"Attempt to change a resource which is still in use: {name}")
        self._start_work(deleting)
        await self._catalog.soon(lambda _: self._removal.held(deleting) is None)
        return {"TableDescription": describe_deleted_table(held.table.evolve(status="DELETING"))}

    async def _restore_table(self, request: dict[str, Any]) -> dict[str, Any]:
        await self._writer.up_to_date()
        source = self._source_of(request)
        if not source.backups.enabled:
            raise PointInTimeRecoveryUnavailableError(
                f"Point in time recovery is not enabled for table '{source.name}'"
            )
        timestamp_us = self._restore_time(request, source)
        target = request["TargetTableName"]
        if self._catalog.table(target) is not None:
            raise TableAlreadyExistsError(f"Table already exists: {target}")
        table = restored_table(request, source, self._ids.uuid(), self._clock.now_us(), timestamp_us)
        table = await self._with_logs(table, len(source.partitions))
        if not await self._writer.set(table, expected_us=0):
            raise TableAlreadyExistsError(f"Table already exists: {target}")
        return {"TableDescription": describe_table(table, {})}

    def _source_of(self, request: dict[str, Any]) -> Table:
        name, arn = request.get("SourceTableName"), request.get("SourceTableArn")
        if (name is None) == (arn is None):
            raise ValidationError("One and only one of SourceTableName and SourceTableArn must be given")
        name = name or str(arn).rpartition("/")[2]
        source = self._catalog.table(name)
        if source is None or source.status != "ACTIVE":
            raise TableNotFoundError(f"Table not found: {name}")
        return source

    def _restore_time(self, request: dict[str, Any], source: Table) -> TimestampUs:
        now_us = self._clock.now_us()
        earliest, latest = restorable(source, now_us)
        given = request.get("RestoreDateTime")
        if request.get("UseLatestRestorableTime") is True:
            if given is not None:
                raise ValidationError("Both UseLatestRestorableTime and RestoreDateTime are given; only one may be")
            return TimestampUs(latest)
        if given is None:
            raise ValidationError("Either UseLatestRestorableTime or RestoreDateTime must be given")
        wanted = TimestampUs(round(given * 1_000_000))
        if not earliest <= wanted <= latest:
            raise InvalidRestoreTimeError("The specified restore time is outside the recovery window")
        return wanted

    # --- logs -----------------------------------------------------------------------------------------------

    async def _with_logs(self, table: Table, partitions: int) -> Table:
        """The table with logs of its own, which exist, for itself and its indexes."""
        count = partitions * (1 + len(table.indexes))
        ids = await self._stock.take(count)
        groups = [tuple(ids[start : start + partitions]) for start in range(0, count, partitions)]
        indexes = tuple(
            replace(index, partitions=even_partitions(group))
            for index, group in zip(table.indexes, groups[1:], strict=True)
        )
        return table.evolve(partitions=even_partitions(groups[0]), indexes=indexes)

    # --- work that a state asks for --------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry on with what other control processes left half-way, and look after the logs, for ever."""
        swept_at = self._clock.monotonic()
        while True:
            if self._on_duty():
                for table in self._catalog.with_deleted():
                    self._start_work(table)
                try:
                    await self._stock.refill()
                    if self._clock.monotonic() - swept_at >= SWEEP_S:
                        swept_at = self._clock.monotonic()
                        await self._stock.drop_unused()
                except DomainError as error:
                    _log.warning("log_stock_put_off", reason=error.message)
            await self._clock.sleep(_RESUME_S)

    def _start_work(self, table: Table) -> None:
        if table.table_id in self._working:
            return
        if table.status == "CREATING" and table.restore is None:
            work = self._activate(table)
        elif table.status == "DELETING" and self._removal.due(table):
            work = self._removal.carry_on(table)
        elif table.status == "ACTIVE" and not table.settled:
            work = self._changes.settle(table)
        else:
            return
        self._working.add(table.table_id)
        self._tasks.spawn(f"table-{table.name}", self._work(table, work))

    async def _work(self, table: Table, work: Any) -> None:
        try:
            await work
        except DomainError as error:
            # The state still stands in the catalog: `run` tries again, here or in another process.
            _log.warning("table_work_failed", table=table.name, status=table.status, reason=error.message)
        finally:
            self._working.discard(table.table_id)

    async def _activate(self, table: Table) -> None:
        await self._writer.up_to_date()
        held = self._removal.held(table)
        if held is None or held.table.status != "CREATING":
            return
        await self._log.create(table.logs)
        definition = encode_table(table.evolve(status="ACTIVE"))
        await asyncio.gather(
            *(
                self._partitions.ask_leader(part.log_id, "lead", Define(part.log_id, definition))
                for part in table.partitions
            )
        )
        if await self._writer.set(table.evolve(status="ACTIVE"), held.version_us):
            _log.info("table_active", table=table.name, partitions=len(table.partitions))

    async def _when_active(self, table: Table) -> Table:
        def active(catalog: Catalog) -> bool:
            found = catalog.table(table.name)
            return found is None or found.status == "ACTIVE"

        await self._catalog.soon(active)
        return self._catalog.table(table.name) or table


def _restores_from(table: Table, source: Table) -> bool:
    origin = table.restore
    unfinished = table.status == "CREATING" and origin is not None and not origin.finished
    return unfinished and origin is not None and origin.source_table_id == source.table_id


def _partition_tag(table: Table) -> int | None:
    given = dict(table.tags).get("stator:partitions")
    if given is None:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 1024:
        raise ValidationError("Tag stator:partitions must be a whole number from 1 to 1024")
    return int(given)
