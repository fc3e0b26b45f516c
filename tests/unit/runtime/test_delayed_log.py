"""Records come when they are old enough, all of them, in order."""

import asyncio
import random
from contextlib import suppress

import pytest

from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.model.positions import LogId, Offset
from stator.model.records import Kind
from stator.runtime.delayed_log import DelayedLog, DelayedReader
from tests.histories import LaneState, Writer
from tests.virtual_time import LoopClock, run, settle

LOG = LogId(5)
DELAY_S = 2.0


class World:
    """A log in which records appear, and a reader who gets them late."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.store = MemoryLogStore()
        self.store.create(LOG)
        self.log = DelayedLog(MemoryLog(self.store), self.clock, DELAY_S)
        self._writer = Writer(LaneState())

    def land(self, ahead_s: float = 0.0) -> None:
        """A record whose writer's clock is `ahead_s` of ours."""
        timestamp_us = self.clock.now_us() + round(ahead_s * 1e6)
        self.store.land(LOG, self._writer.record(LOG, Kind.BARRIER, timestamp_us, b"", None))

    def reader(self) -> DelayedReader:
        return self.log.read(LOG, Offset(0))

    def now(self) -> float:
        return self.clock.monotonic()


async def comes_at(reader: DelayedReader, world: World, count: int) -> list[float]:
    """When each of so many records came, by the world's clock."""
    came: list[float] = []
    while len(came) < count:
        messages = await reader.read()
        assert [message.offset for message in messages] == list(range(len(came), len(came) + len(messages)))
        came += [world.now()] * len(messages)
    return came


def test_a_record_comes_when_it_is_old_enough_and_not_later() -> None:
    async def scenario() -> None:
        world, dice = World(), random.Random(1)
        landed: list[float] = []
        asked = asyncio.ensure_future(comes_at(world.reader(), world, 30))
        for _ in range(30):
            world.land()
            landed.append(world.now())
            await asyncio.sleep(dice.choice((0.0, 0.0, 0.1, 1.0, 5.0)))
        assert await asked == [pytest.approx(at + DELAY_S, abs=1e-5) for at in landed]

    run(scenario())


def test_what_is_old_enough_already_comes_at_once() -> None:
    async def scenario() -> None:
        world = World()
        for _ in range(10):
            world.land()
        await asyncio.sleep(DELAY_S)
        began = world.now()
        assert await comes_at(world.reader(), world, 10) == [began] * 10

    run(scenario())


@pytest.mark.parametrize("ahead_s", [-3600.0, -1.0, 1.0, 3600.0])
def test_a_writers_clock_makes_it_wait_no_longer_than_the_delay(ahead_s: float) -> None:
    async def scenario() -> None:
        world = World()
        reader = world.reader()
        asked = asyncio.ensure_future(comes_at(reader, world, 1))
        await settle()
        world.land(ahead_s)
        landed = world.now()
        (came,) = await asked
        assert came - landed == pytest.approx(min(DELAY_S, max(0.0, DELAY_S + ahead_s)), abs=1e-5)

    run(scenario())


def test_reading_can_be_given_up_at_any_time_and_loses_nothing() -> None:
    async def scenario() -> None:
        world, dice = World(), random.Random(2)
        for _ in range(20):
            world.land()
            await asyncio.sleep(0.3)
        reader = world.reader()
        offsets: list[Offset] = []
        while len(offsets) < 20:
            with suppress(TimeoutError):
                async with asyncio.timeout(dice.uniform(0.0, 0.4)):
                    offsets += [message.offset for message in await reader.read()]
        assert offsets == list(range(20))

    run(scenario())


def test_it_tells_when_nothing_older_is_left() -> None:
    async def scenario() -> None:
        world = World()
        world.land()
        await asyncio.sleep(DELAY_S)
        world.land()
        reader = world.reader()
        assert len(await reader.read()) == 1
        assert not world.log.waits(LOG).is_set()
        asked = asyncio.ensure_future(reader.read())
        await settle()
        assert world.log.waits(LOG).is_set()
        assert len(await asked) == 1

    run(scenario())
