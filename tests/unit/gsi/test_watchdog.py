"""A source that stands still is nudged, then given up; an idle one is left alone."""

import asyncio

import pytest

from services.gsi.watchdog import NUDGE_S, STUCK_S, SourcesStuckError, Watchdog
from stator.adapters.log_memory import MemoryLog
from stator.model.positions import LogId, Offset
from tests.unit.gsi.world import SOURCES, World


class Places(dict[LogId, Offset]):
    """Where sources stand."""

    def places(self) -> dict[LogId, Offset]:
        return dict(self)


def test_idle_source_is_left_alone_and_one_that_stands_still_is_nudged_then_given_up() -> None:
    async def scenario() -> None:
        world = World(1)
        idle, stuck = SOURCES
        for writer in world.writers:
            writer.claim()
        places = Places({idle: Offset(1), stuck: Offset(0)})
        nudged: list[LogId] = []
        watching = asyncio.create_task(Watchdog(places, MemoryLog(world.store), world.clock, nudged.append).run())
        await world.run(NUDGE_S / 2)
        assert nudged == []
        await world.run(STUCK_S - NUDGE_S)
        assert set(nudged) == {stuck}
        await world.run(STUCK_S)
        with pytest.raises(SourcesStuckError, match=f"source {stuck} stands at 0, 1 messages behind"):
            await watching

    asyncio.run(scenario())


def test_source_that_moves_is_left_alone_however_far_behind_it_is() -> None:
    async def scenario() -> None:
        world = World(1)
        writer = world.writers[0]
        writer.claim()
        for _ in range(100):
            writer.barrier()
        places = Places({SOURCES[0]: Offset(0)})
        nudged: list[LogId] = []
        watching = asyncio.create_task(Watchdog(places, MemoryLog(world.store), world.clock, nudged.append).run())
        for _ in range(20):
            await world.run(5)
            places[SOURCES[0]] = Offset(places[SOURCES[0]] + 1)
        assert nudged == []
        assert not watching.done()
        watching.cancel()

    asyncio.run(scenario())
