"""Point-in-time restore: gives the logs of a new table a Base that is the old table's state at an instant.

A table whose catalog entry says CREATING and where it comes from is all the state a restore has: any restore process can carry
it on, and doing a part twice gives the same objects. Partition by partition: close the source's log (so that nothing with an
earlier timestamp can still come), rebuild its state from archive and tail, archive that as a snapshot, and have the new log
start from it. Indexes are folds of the new table: the restore waits until they have caught up.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import structlog

from stator.codec.catalog_entries import encode_table
from stator.codec.log_records import encode_base
from stator.model.errors import DomainError
from stator.model.positions import LogId, LogPosition, Offset, TimestampUs
from stator.model.records import Base
from stator.model.tables import Partition, RestoreOrigin, Table
from stator.ports.clock import Clock
from stator.ports.peers import Peers
from stator.ports.view import Views
from stator.rules.commands import Close, Closed, Define, Defined, RestoreStatus, Size, Stats, Steps
from stator.rules.recovery_plan import Moment
from stator.runtime.catalog import Catalog, Versioned
from stator.runtime.catalog_writer import CatalogWriter
from stator.runtime.history import History
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient
from stator.runtime.snapshots import Snapshots

Result = TypeVar("Result")

_log = structlog.get_logger()

_LOOK_S = 0.2
_POLL_S = 0.05


class TableRestore:
    """One restore process. `scratch` keeps the views that states are rebuilt in; they are dropped when done."""

    def __init__(
        self,
        catalog: Catalog,
        partitions: PartitionClient,
        history: History,
        snapshots: Snapshots,
        scratch: Views,
        clock: Clock,
        tasks: Tasks,
        on_duty: Callable[[], bool],
    ) -> None:
        self._steps: dict[str, dict[LogId, tuple[int, int]]] = {}
        self._catalog = catalog
        self._writer = CatalogWriter(catalog, partitions)
        self._partitions = partitions
        self._history = history
        self._snapshots = snapshots
        self._scratch = scratch
        self._clock = clock
        self._tasks = tasks
        self._on_duty = on_duty
        self._working: set[str] = set()

    def serve(self, peers: Peers) -> None:
        """Answer how far a restore is."""
        peers.serve("restore_status", self.status)

    def status(self, request: RestoreStatus) -> Steps:
        """Steps of all partitions together, as far as they are known yet."""
        parts = self._steps.get(request.table_id, {}).values()
        return Steps(sum(done for done, _ in parts), sum(total for _, total in parts))

    async def run(self) -> None:
        """Look for tables to restore, for ever."""
        while True:
            if self._on_duty():
                for held in list(self._catalog.tables.values()):
                    table = held.table
                    unfinished = table.restore is not None and not table.restore.finished
                    if table.status == "CREATING" and unfinished and table.table_id not in self._working:
                        self._working.add(table.table_id)
                        self._tasks.spawn(f"restore-{table.name}", self._restore(held))
            await self._clock.sleep(_LOOK_S)

    async def _restore(self, held: Versioned) -> None:
        table = held.table
        origin = table.restore
        assert origin is not None
        try:
            finished = table.evolve(
                status="ACTIVE",
                restore=RestoreOrigin(
                    origin.source_table_id,
                    origin.source_table_name,
                    origin.source_partitions,
                    origin.timestamp_us,
                    finished=True,
                ),
            )
            definition = encode_table(finished)
            bases = await _all_or_none(
                self._restore_partition(table, origin, source, target, definition)
                for source, target in zip(origin.source_partitions, table.partitions, strict=True)
            )
            await self._indexed(table, bases)
            if await self._writer.set(finished, held.version_us):
                _log.info(
                    "table_restored", table=table.name, source=origin.source_table_name, at_us=origin.timestamp_us
                )
        except (DomainError, OSError) as error:
            # The catalog still says CREATING: the next look tries again, here or in another process.
            _log.warning("restore_failed", table=table.name, reason=str(error))
            await self._clock.sleep(1.0)
        finally:
            self._working.discard(table.table_id)
            self._steps.pop(table.table_id, None)

    async def _restore_partition(
        self, table: Table, origin: RestoreOrigin, source: Partition, target: Partition, definition: bytes
    ) -> tuple[LogId, Offset]:
        self._scratch.drop(target.log_id)
        scratch = self._scratch.open(target.log_id)
        moment = await self._closed(source.log_id, origin.timestamp_us)
        steps = self._steps.setdefault(table.table_id, {})

        def progress(done: int, total: int) -> None:
            # The state found must still be written, installed and indexed: count that as much as finding it.
            steps[target.log_id] = (done, 2 * max(total, 1))

        position = await self._history.state_at(source.log_id, moment, scratch, progress)
        name = f"bases/{target.log_id:08d}.snap"
        with scratch.snapshot() as (_, items):
            entry = await self._snapshots.write(name, items, _totals(origin, position))
        self._scratch.drop(target.log_id)
        base = Base(name, bytes.fromhex(entry.sha256), position.digest, origin.timestamp_us)
        found = Define(target.log_id, definition, encode_base(base))
        while True:
            defined: Defined = await self._partitions.ask_leader(target.log_id, "lead", found)
            if defined.base_offset >= 0:
                return target.log_id, Offset(defined.base_offset)
            await self._clock.sleep(_POLL_S)

    async def _closed(self, log_id: LogId, timestamp_us: TimestampUs) -> Moment:
        """The instant, with the end of the log behind which nothing can carry a timestamp up to it any more."""
        while True:
            closed: Closed = await self._partitions.ask_leader(log_id, "close", Close(log_id))
            if closed.timestamp_us > timestamp_us:
                return Moment(
                    timestamp_us=timestamp_us,
                    until=Offset(closed.offset),
                    closed_us=TimestampUs(closed.timestamp_us),
                )
            await self._clock.sleep((timestamp_us - closed.timestamp_us) / 1_000_000 + 0.001)

    async def _indexed(self, table: Table, bases: list[tuple[LogId, Offset]]) -> None:
        for index in table.indexes:
            for partition in index.partitions:
                while not await self._has_all(partition.log_id, bases):
                    await self._clock.sleep(_POLL_S)

    async def _has_all(self, index_log: LogId, bases: list[tuple[LogId, Offset]]) -> bool:
        size: Size = await self._partitions.ask_reader(index_log, "read_stats", Stats(index_log))
        return all(size.sources.get(source, -1) >= offset for source, offset in bases)


def _totals(origin: RestoreOrigin, position: LogPosition) -> LogPosition:
    """Where a base stands: at an instant, at no place of its source's log. A second attempt finds that log longer, and must
    write the very same object: the Base record of the first may already name it.
    """
    return LogPosition(
        timestamp_us=origin.timestamp_us,
        digest=position.digest,
        items=position.items,
        item_bytes=position.item_bytes,
    )


async def _all_or_none(parts: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run coroutines side by side. When one fails the others are ended first: they use what the next attempt will use."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
