"""What a lane does when an append is in doubt, when it is fenced, and when its Claim is not read."""

import asyncio

from services.gsi.index_log import IndexLog
from services.gsi.lane import PATIENCE_S, Lane, State
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog
from stator.model.errors import LogError, NotLeaderError
from stator.model.positions import LaneId, LogId, LogPosition, Offset, TimestampUs
from stator.model.records import SourcePosition
from stator.ports.log import Report
from tests.unit.gsi.world import World

INDEX = LogId(11)
SOURCE = LogId(1)
FURTHER = SourcePosition(Offset(9))


class ScriptedLog(MemoryLog):
    """Does with each append what the test says."""

    lose = False
    report_error = False

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        if not self.lose:
            self.store.land(log_id, data)
        if self.report_error:
            self.deliver(report, None, LogError("who knows"))


class Bench:
    """One lane, its index log being followed."""

    def __init__(self) -> None:
        self.world = World(1)
        self.log = ScriptedLog(self.world.store)
        self.index_log = IndexLog(self.log, INDEX, LogPosition(), self.world.clock, self.ids)
        self.following = asyncio.create_task(self.index_log.run())
        self.changes = 0

    @property
    def ids(self) -> SeededIds:
        return SeededIds(self.world.dice)

    def lane(self, node: str = "gsi-1") -> Lane:
        return Lane(self.index_log, SOURCE, node, self.log, self.world.clock, self.ids, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def claimed(self) -> Lane:
        lane = self.lane()
        lane.claim()
        await self.world.run(0.1)
        assert lane.state is State.WRITING
        return lane


def test_record_is_confirmed_once_it_is_read_and_not_when_it_is_reported() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.following.cancel()
        lane.progress(FURTHER, TimestampUs(1))
        await bench.world.run(0.1)
        assert (lane.written, lane.confirmed) == (FURTHER, SourcePosition())
        bench.following = asyncio.create_task(bench.index_log.run())
        await bench.world.run(0.1)
        assert (lane.confirmed, lane.unconfirmed_bytes) == (FURTHER, 0)

    asyncio.run(scenario())


def test_append_reported_as_an_error_fails_the_lane_at_once() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.log.lose = bench.log.report_error = True
        lane.progress(FURTHER, TimestampUs(1))
        await bench.world.run(0.1)
        assert isinstance(lane.failure, LogError)

    asyncio.run(scenario())


def test_append_that_is_not_read_fails_the_lane_after_its_patience() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.log.lose = True
        lane.progress(FURTHER, TimestampUs(1))
        await bench.world.run(PATIENCE_S - 0.1)
        lane.tick()
        assert lane.failure is None
        await bench.world.run(0.2)
        lane.tick()
        assert isinstance(lane.failure, LogError)

    asyncio.run(scenario())


def test_claim_that_is_not_read_is_followed_by_a_higher_one() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = bench.lane()
        bench.log.lose = True
        lane.claim()
        bench.log.lose = False
        await bench.world.run(PATIENCE_S + 0.5)
        lane.tick()
        await bench.world.run(0.1)
        assert lane.state is State.WRITING
        assert bench.index_log.lane(LaneId(SOURCE)).epoch == 2

    asyncio.run(scenario())


def test_lane_that_somebody_else_claims_fails_and_names_who_it_was() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        elsewhere = IndexLog(bench.log, INDEX, LogPosition(), bench.world.clock, bench.ids)
        following = asyncio.create_task(elsewhere.run())
        await bench.world.run(0.1)
        Lane(elsewhere, SOURCE, "gsi-2", bench.log, bench.world.clock, bench.ids, lambda: None).claim()
        await bench.world.run(0.1)
        assert isinstance(lane.failure, NotLeaderError)
        assert lane.failure.hint == "gsi-2"
        following.cancel()

    asyncio.run(scenario())
