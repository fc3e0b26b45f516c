"""Logs for new tables are there before they are asked for, nobody gets one twice, and those of no table do not stay."""

import asyncio

from services.control.log_stock import SPARE_LOGS, LogStock
from services.control.tables import SWEEP_S
from stator.adapters.log_memory import MemoryLog
from stator.model.positions import CATALOG_LOG
from stator.runtime.catalog_writer import CatalogWriter
from tests.unit.control.test_tables import CREATE, Deployment, play


def stock(world: Deployment) -> LogStock:
    return LogStock(world.log, world.catalog, CatalogWriter(world.catalog, world.partitions))


def test_logs_are_made_ahead_and_taken_in_order() -> None:
    async def scenario(world: Deployment) -> None:
        ahead = stock(world)
        await ahead.refill()
        assert world.store.ids() == [CATALOG_LOG, *range(1, SPARE_LOGS + 1)]
        assert await ahead.take(3) == [1, 2, 3]
        await ahead.refill()
        assert world.store.ids() == [CATALOG_LOG, *range(1, SPARE_LOGS + 4)]

    play(scenario)


def test_two_processes_never_get_the_same_log() -> None:
    async def scenario(world: Deployment) -> None:
        taken = await asyncio.gather(*(stock(world).take(5) for _ in range(4)))
        ids = [log_id for some in taken for log_id in some]
        assert sorted(ids) == list(range(1, 21))
        assert set(ids) <= set(world.store.ids())

    play(scenario)


def test_an_exclusive_log_needs_no_stock() -> None:
    async def scenario(world: Deployment) -> None:
        world.log = MemoryLog(world.store, exclusive=True)
        await stock(world).refill()
        assert world.store.ids() == [CATALOG_LOG]

    play(scenario)


def test_logs_that_a_dead_process_took_go_at_the_second_look_and_no_others() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create(CREATE)
        table = world.catalog.table("orders")
        assert table is not None
        dead, looking = stock(world), stock(world)
        orphans = await dead.take(2)
        await looking.refill()
        await looking.drop_unused()
        assert set(orphans) <= set(world.store.ids())
        spare = set(world.store.ids()) - {CATALOG_LOG, *table.logs, *orphans}
        await looking.drop_unused()
        assert set(world.store.ids()) == {CATALOG_LOG, *table.logs, *spare}

    play(scenario)


def test_a_control_process_on_duty_looks_after_the_logs() -> None:
    async def scenario(world: Deployment) -> None:
        orphans = await stock(world).take(2)
        world.tasks.spawn("control", world.one.run())
        await asyncio.sleep(3 * SWEEP_S)
        assert not set(orphans) & set(world.store.ids())
        assert len(world.store.ids()) == 1 + SPARE_LOGS
        await world.tasks.close()

    play(scenario)
