"""The catalog in memory shows what the catalog log says, tells who watches, and lets one wait for a version."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from services.leader.server import LeaderService
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_local import LocalPeers
from stator.adapters.view_memory import MemoryViews
from stator.codec.catalog_entries import Entry, LogPool, deleted_name
from stator.model.positions import CATALOG_LOG, LogId, TimestampUs
from stator.model.tables import KeyAttribute, KeySchema, Table
from stator.runtime.catalog import Catalog
from stator.runtime.catalog_writer import CatalogWriter
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient
from stator.runtime.replica import Replica
from tests.virtual_time import LoopClock, run

ORDERS = Table("id-1", "orders", "CREATING", TimestampUs(1), KeySchema(KeyAttribute("pk", "S")), ())
ACTIVE = ORDERS.evolve(status="ACTIVE")


class World:
    """The catalog's log, its leader, and as many followers as are asked for."""

    def __init__(self) -> None:
        self.store = MemoryLogStore()
        self.store.create(CATALOG_LOG)
        self.failures: list[str] = []
        self.tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        peers = LocalPeers()
        LeaderService(
            "a",
            MemoryLog(self.store),
            MemoryViews(),
            LoopClock(),
            SeededIds(Random(1)),
            self.tasks,
            _no_base,
            on_use=True,
        ).serve(peers)
        self.partitions = PartitionClient(peers, self)

    def leader(self, _log_id: LogId) -> str:
        return "a"

    def reader(self, _log_id: LogId) -> str:
        return "a"

    def follower(self) -> Catalog:
        """A process's own picture, caught up or not."""
        replica = Replica(MemoryLog(self.store), CATALOG_LOG, MemoryViews().open(CATALOG_LOG), _no_base)
        self.tasks.spawn("follower", replica.run())
        return Catalog(replica)

    def writer(self) -> tuple[Catalog, CatalogWriter]:
        catalog = self.follower()
        return catalog, CatalogWriter(catalog, self.partitions)


async def _no_base(*_: object) -> None:
    raise AssertionError("the catalog starts from nothing")


def play(scenario: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        world = World()
        await scenario(world)
        assert world.failures == []

    run(whole())


def test_who_writes_sees_what_was_written_and_others_before_long() -> None:
    async def scenario(world: World) -> None:
        catalog, writer = world.writer()
        other = world.follower()
        assert await writer.set(ORDERS, expected_us=0)
        assert catalog.table("orders") == ORDERS
        await other.until(lambda seen: seen.table("orders") is not None)
        assert other.tables == catalog.tables

    play(scenario)


def test_of_two_that_change_the_same_version_one_succeeds() -> None:
    async def scenario(world: World) -> None:
        (one, writes), (_, others) = world.writer(), world.writer()
        await writes.set(ORDERS, expected_us=0)
        version_us = one.tables["orders"].version_us
        won = await asyncio.gather(
            writes.set(ACTIVE, version_us), others.set(ORDERS.evolve(status="DELETING"), version_us)
        )
        assert sorted(won) == [False, True]
        assert not await writes.set(ORDERS, expected_us=0)

    play(scenario)


def test_watchers_hear_of_every_change_with_before_and_after() -> None:
    async def scenario(world: World) -> None:
        catalog, writer = world.writer()
        heard: list[tuple[Table | None, Table | None]] = []
        catalog.watchers.append(lambda before, after: heard.append((before, after)))
        await writer.set(ORDERS, expected_us=0)
        await writer.set(ACTIVE, catalog.tables["orders"].version_us)
        await writer.replace("orders", None, catalog.tables["orders"].version_us)
        assert heard == [(None, ORDERS), (ORDERS, ACTIVE), (ACTIVE, None)]
        assert catalog.tables == {}

    play(scenario)


def test_a_deleted_table_with_streams_is_no_table_and_goes_on_bearing_its_name() -> None:
    async def scenario(world: World) -> None:
        catalog, writer = world.writer()
        heir = ORDERS.evolve(table_id="heir")
        await writer.set(ORDERS, expected_us=0)
        deleted = ORDERS.evolve(status="DELETING", indexes=())
        entry = deleted_name(ORDERS.table_id)
        await writer.replace(entry, Entry(deleted=deleted), 0)
        assert catalog.with_deleted() == catalog.bearers("orders") == [ORDERS]
        await writer.replace("orders", None, catalog.tables["orders"].version_us)
        assert (catalog.table("orders"), catalog.bearers("orders")) == (None, [deleted])
        await writer.set(heir, expected_us=0)
        assert catalog.bearers("orders") == catalog.with_deleted() == [deleted, heir]
        assert catalog.bearers("others") == []
        await writer.replace(entry, None, catalog.deleted[ORDERS.table_id].version_us)
        assert catalog.bearers("orders") == catalog.with_deleted() == [heir]

    play(scenario)


def test_a_catalog_that_starts_late_begins_with_what_its_view_has() -> None:
    async def scenario(world: World) -> None:
        catalog, writer = world.writer()
        gone = ORDERS.evolve(name="gone", table_id="id-2", status="DELETING")
        await writer.set(ORDERS, expected_us=0)
        await writer.replace(deleted_name("id-2"), Entry(deleted=gone), 0)
        views = MemoryViews()
        replica = Replica(MemoryLog(world.store), CATALOG_LOG, views.open(CATALOG_LOG), _no_base)
        world.tasks.spawn("late", replica.run())
        await replica.reached(catalog.next_offset)
        late = Catalog(replica)
        assert (late.tables, late.deleted) == (catalog.tables, catalog.deleted)
        assert late.bearers("gone") == [gone]

    play(scenario)


def test_up_to_date_means_everything_that_was_there_when_asked() -> None:
    async def scenario(world: World) -> None:
        _, writer = world.writer()
        await writer.set(ORDERS, expected_us=0)
        late, late_writer = world.writer()
        assert late.table("orders") is None
        await late_writer.up_to_date()
        assert late.table("orders") == ORDERS

    play(scenario)


def test_the_pool_of_log_ids_is_no_table() -> None:
    async def scenario(world: World) -> None:
        catalog, writer = world.writer()
        assert catalog.pool() == (1, 0)
        assert await writer.replace("", Entry(pool=LogPool(9)), 0)
        next_log_id, version_us = catalog.pool()
        assert (next_log_id, catalog.tables) == (9, {})
        assert not await writer.replace("", Entry(pool=LogPool(10)), 0)
        assert await writer.replace("", Entry(pool=LogPool(10)), version_us)

    play(scenario)
