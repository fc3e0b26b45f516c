"""What a lane does when an append is in doubt, when it is fenced, and when its Claim is not read."""

import asyncio

from services.gsi.index_log import IndexLog
from services.gsi.lane import Lane, State
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.codec.log_records import decode_envelope, decode_index_batch
from stator.model.errors import LogError, NotLeaderError
from stator.model.positions import LaneId, LogId, LogPosition, Offset, TimestampUs
from stator.model.records import IndexBatch, IndexRow, Kind, SourcePosition
from stator.ports.log import Report
from stator.rules.append_patience import PATIENCE_S, Patience
from tests.unit.gsi.world import World

INDEX = LogId(11)
SOURCE = LogId(1)
FURTHER = SourcePosition(Offset(9))


def row(number: int) -> IndexRow:
    return IndexRow(b"%d" % number, b"{}", TimestampUs(number))


class ScriptedLog(MemoryLog):
    """Does with each append what the test says."""

    def __init__(self, store: MemoryLogStore) -> None:
        super().__init__(store)
        self.lose = False
        self.lost: list[bytes] = []
        self.report_error = False

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        if self.lose:
            self.lost.append(data)
        else:
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
        self.patience = Patience()

    @property
    def ids(self) -> SeededIds:
        return SeededIds(self.world.dice)

    def lane(self, node: str = "gsi-1") -> Lane:
        return Lane(self.index_log, SOURCE, node, self.log, self.world.clock, self.ids, self.patience, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def batches(self) -> list[IndexBatch]:
        """What is in the index log, in order."""
        records = [decode_envelope(message.data) for message in self.world.store.messages(INDEX, Offset(0))]
        return [decode_index_batch(record) for record in records if record.kind is Kind.INDEX]

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


def test_rows_that_come_while_a_record_is_on_its_way_go_out_together_and_in_order() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.following.cancel()
        for number in range(6):
            lane.put([row(number)], SourcePosition(Offset(number)), TimestampUs(number), last=True)
        await bench.world.run(0.1)
        assert len(bench.batches()) == 1
        assert (lane.written.offset, lane.confirmed.offset) == (5, -1)
        bench.following = asyncio.create_task(bench.index_log.run())
        await bench.world.run(0.1)
        first, second = bench.batches()
        assert (first.source.offset, second.source.offset) == (0, 5)
        assert [*first.rows, *second.rows] == [row(number) for number in range(6)]
        assert (lane.confirmed.offset, lane.unconfirmed_bytes) == (5, 0)

    asyncio.run(scenario())


def test_progress_behind_gathering_rows_is_told_by_them() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.following.cancel()
        lane.put([row(0)], SourcePosition(Offset(0)), TimestampUs(1), last=True)
        lane.put([row(1)], SourcePosition(Offset(1)), TimestampUs(2), last=True)
        lane.progress(FURTHER, TimestampUs(3))
        bench.following = asyncio.create_task(bench.index_log.run())
        await bench.world.run(0.1)
        assert [batch.source.offset for batch in bench.batches()] == [0, FURTHER.offset]
        assert lane.confirmed == FURTHER

    asyncio.run(scenario())


def test_a_piece_of_a_large_record_goes_out_behind_what_has_gathered() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.following.cancel()
        lane.put([row(0)], SourcePosition(Offset(0)), TimestampUs(1), last=True)
        lane.put([row(1)], SourcePosition(Offset(1)), TimestampUs(2), last=True)
        lane.put([row(2)], SourcePosition(Offset(2)), TimestampUs(3), last=False)
        lane.put([row(3)], SourcePosition(Offset(2)), TimestampUs(3), last=True)
        bench.following = asyncio.create_task(bench.index_log.run())
        await bench.world.run(0.1)
        assert [(batch.source.offset, batch.last) for batch in bench.batches()] == [
            (0, True),
            (1, True),
            (2, False),
            (2, True),
        ]
        assert [kept for batch in bench.batches() for kept in batch.rows] == [row(number) for number in range(4)]

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


def test_who_holds_lanes_has_more_patience_with_the_next_when_it_ran_out_with_one() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        bench.log.lose = True
        lane.progress(FURTHER, TimestampUs(1))
        await bench.world.run(PATIENCE_S + 0.1)
        lane.tick()
        assert lane.failure is not None
        lane.close()
        bench.log.lose = False
        lane = await bench.claimed()
        bench.log.lose = True
        lane.progress(FURTHER, TimestampUs(1))
        await bench.world.run(PATIENCE_S + 0.1)
        lane.tick()
        assert lane.failure is None

    asyncio.run(scenario())


def test_a_claim_of_a_former_hold_that_lands_late_ends_no_later_hold_of_the_same_process() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.log.lose = True
        former, later = bench.lane(), bench.lane()
        former.claim()
        former.close()
        later.claim()
        for data in bench.log.lost:
            bench.world.store.land(INDEX, data)
        await bench.world.run(0.1)
        assert (later.state, later.failure) == (State.WRITING, None)

    asyncio.run(scenario())


def test_lane_that_somebody_else_claims_fails_and_names_who_it_was() -> None:
    async def scenario() -> None:
        bench = Bench()
        lane = await bench.claimed()
        elsewhere = IndexLog(bench.log, INDEX, LogPosition(), bench.world.clock, bench.ids)
        following = asyncio.create_task(elsewhere.run())
        await bench.world.run(0.1)
        Lane(elsewhere, SOURCE, "gsi-2", bench.log, bench.world.clock, bench.ids, Patience(), lambda: None).claim()
        await bench.world.run(0.1)
        assert isinstance(lane.failure, NotLeaderError)
        assert lane.failure.hint == "gsi-2"
        following.cancel()

    asyncio.run(scenario())
