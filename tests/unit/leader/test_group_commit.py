"""Batches: how big they get, and what confirms them."""

import asyncio

from services.leader.append_meter import AppendMeter
from services.leader.group_commit import BATCH_BYTES_MAX, IN_FLIGHT_MAX, GroupCommit
from services.leader.lease import Lease, Waiting
from stator.adapters.log_memory import MemoryLogStore
from stator.codec.log_records import decode_effects, decode_envelope
from stator.model.errors import LogError
from stator.model.positions import Epoch, LaneState, Offset, Seq, TimestampUs, WriterId
from stator.model.records import Effect, Kind
from stator.rules.acceptance import accept
from stator.rules.append_patience import Patience
from stator.runtime.meters import Meters
from stator.runtime.metric_names import APPEND_DURATION, GROUP_WRITES
from tests.unit.leader.world import LOG, SteeredLog
from tests.virtual_time import run, settle

LANE = LaneState(Epoch(1), WriterId(9), Seq(0), chain=77)
CLAIM_OFFSET = Offset(41)


class Batches:
    """A group commit whose records stay on the wire, so that the test says how each append ends."""

    def __init__(self) -> None:
        store = MemoryLogStore()
        store.create(LOG)
        self.log = SteeredLog(store, exclusive=False)
        self.log.holding = True
        self.doubts = 0
        self._now = 0
        self.meters = Meters()
        self.time = 0.0
        meter = AppendMeter(self.meters, lambda: self.time)
        lease = Lease(lambda: self.time, by_lease=False, unclaimed=True)
        self.group = GroupCommit(
            self.log, LOG, LANE, CLAIM_OFFSET, self._timestamp, self._doubt, meter, lease, Patience()
        )

    def _timestamp(self) -> TimestampUs:
        self._now += 1
        return TimestampUs(self._now)

    def _doubt(self) -> None:
        self.doubts += 1

    def write(self, key: bytes, image: bytes = b"{}") -> "asyncio.Future[str]":
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        effect = Effect(key, None, image, self._timestamp())
        self.group.add([effect], Waiting(key, future, lambda done: done.set_result("confirmed")))
        return future

    def read(self) -> "asyncio.Future[str]":
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.group.join(Waiting("read", future, lambda done: done.set_result("confirmed")))
        return future

    async def write_alone(self, key: bytes) -> "asyncio.Future[str]":
        """A write that is on the wire, in a record of its own, when this returns."""
        future = self.write(key)
        await settle()
        return future

    def report(self, number: int, offset: int | None, error: LogError | None = None) -> None:
        self.log.on_the_wire[number][2](None if offset is None else Offset(offset), error)

    def records(self) -> list[list[bytes]]:
        """The keys in each record on the wire."""
        envelopes = [decode_envelope(data) for _, data, _ in self.log.on_the_wire]
        return [[e.key for e in decode_effects(record)] if record.payload else [] for record in envelopes]


def test_writes_of_one_turn_share_one_record() -> None:
    async def scenario() -> None:
        batches = Batches()
        for number in range(50):
            batches.write(b"%d" % number)
        await settle()
        assert batches.records() == [[b"%d" % number for number in range(50)]]

    run(scenario())


def test_an_append_is_measured_from_the_log_taking_it_to_its_confirmation() -> None:
    async def scenario() -> None:
        batches = Batches()
        for number in range(3):
            batches.write(b"%d" % number)
        await settle()
        batches.time = 0.25
        batches.report(0, CLAIM_OFFSET + 1)
        batches.read()
        await settle()
        batches.report(1, CLAIM_OFFSET + 2)
        took, shared = batches.meters.distribution(APPEND_DURATION), batches.meters.distribution(GROUP_WRITES)
        assert (sum(took.counts), took.total) == (2, 0.25)
        assert (sum(shared.counts), shared.total) == (1, 3.0)  # a barrier carries no write

    run(scenario())


def test_writes_that_wait_for_a_busy_log_share_one_record_whenever_they_came() -> None:
    async def scenario() -> None:
        batches = Batches()
        for number in range(IN_FLIGHT_MAX):
            await batches.write_alone(b"flying-%d" % number)
        for number in range(100):
            await batches.write_alone(b"waiting-%d" % number)
        assert len(batches.records()) == IN_FLIGHT_MAX
        batches.report(0, CLAIM_OFFSET + 1)
        await settle()
        assert batches.records()[IN_FLIGHT_MAX:] == [[b"waiting-%d" % number for number in range(100)]]

    run(scenario())


def test_a_batch_stays_under_its_bound_unless_one_write_alone_is_larger() -> None:
    async def scenario() -> None:
        batches = Batches()
        sizes = [400_000, 400_000, 400_000, BATCH_BYTES_MAX + 1, 10, 10]
        for number, size in enumerate(sizes):
            batches.write(b"%d" % number, bytes(size))
        for number in range(4):
            await settle()
            batches.report(number, CLAIM_OFFSET + 1 + number)
        assert batches.records() == [[b"0", b"1"], [b"2"], [b"3"], [b"4", b"5"]]

    run(scenario())


def test_records_sent_one_after_the_other_are_all_accepted() -> None:
    async def scenario() -> None:
        batches = Batches()
        for number in range(3):
            await batches.write_alone(b"%d" % number)
            batches.report(number, CLAIM_OFFSET + 1 + number)
        lane: LaneState | None = LANE
        for _, data, _ in batches.log.on_the_wire:
            assert lane is not None
            lane = accept(lane, decode_envelope(data))
        assert lane is not None
        assert lane.seq == 3

    run(scenario())


def test_a_report_of_the_very_next_offset_confirms() -> None:
    async def scenario() -> None:
        batches = Batches()
        written = await batches.write_alone(b"a")
        batches.report(0, CLAIM_OFFSET + 1)
        assert written.result() == "confirmed"
        assert (batches.group.confirmed_seq, batches.group.confirmed_offset) == (1, CLAIM_OFFSET + 1)
        assert batches.group.idle

    run(scenario())


def test_a_gap_waits_for_our_own_reader() -> None:
    async def scenario() -> None:
        batches = Batches()
        first, second = await batches.write_alone(b"a"), batches.write(b"b")
        batches.report(0, CLAIM_OFFSET + 2)
        await settle()
        assert not first.done()
        batches.group.accepted(Seq(1), Offset(CLAIM_OFFSET + 2))
        assert first.done()
        await settle()
        batches.report(1, CLAIM_OFFSET + 3)
        assert second.done()
        assert batches.doubts == 0

    run(scenario())


def test_a_success_without_an_offset_proves_nothing() -> None:
    async def scenario() -> None:
        batches = Batches()
        written = await batches.write_alone(b"a")
        batches.report(0, None)
        assert not written.done()
        batches.group.accepted(Seq(1), Offset(CLAIM_OFFSET + 1))
        assert written.done()

    run(scenario())


def test_an_error_answers_nobody_and_raises_doubt() -> None:
    async def scenario() -> None:
        batches = Batches()
        written = await batches.write_alone(b"a")
        batches.report(0, None, LogError("timed out"))
        assert (written.done(), batches.doubts) == (False, 1)

    run(scenario())


def test_an_error_for_what_our_reader_has_confirmed_is_no_doubt() -> None:
    async def scenario() -> None:
        batches = Batches()
        await batches.write_alone(b"a")
        batches.write(b"b")
        batches.group.accepted(Seq(1), Offset(CLAIM_OFFSET + 1))
        batches.report(0, None, LogError("timed out"))
        assert batches.doubts == 0

    run(scenario())


def test_reads_join_the_open_batch_and_alone_make_a_barrier() -> None:
    async def scenario() -> None:
        batches = Batches()
        batches.write(b"a")
        batches.read()
        await settle()
        first, second = batches.read(), batches.read()
        batches.report(0, CLAIM_OFFSET + 1)
        await settle()
        assert not first.done()
        kinds = [decode_envelope(data).kind for _, data, _ in batches.log.on_the_wire]
        assert kinds == [Kind.EFFECT, Kind.BARRIER]
        batches.report(1, CLAIM_OFFSET + 2)
        assert first.done()
        assert second.done()

    run(scenario())


def test_others_do_not_join_a_special_record() -> None:
    async def scenario() -> None:
        batches = Batches()
        batches.write(b"a")
        batches.group.special(Kind.BARRIER, 0, b"", None)
        batches.write(b"b")
        for number in range(3):
            await settle()
            batches.report(number, CLAIM_OFFSET + 1 + number)
        assert batches.records() == [[b"a"], [], [b"b"]]

    run(scenario())


def test_closing_sends_nothing_more_and_gives_back_who_waits_in_order() -> None:
    async def scenario() -> None:
        batches = Batches()
        flying = await batches.write_alone(b"flying")
        batches.write(b"open")
        pending = batches.group.close()
        await settle()
        assert [waiting.request for waiting in pending] == [b"flying", b"open"]
        assert batches.records() == [[b"flying"]]
        assert batches.group.idle
        batches.report(0, CLAIM_OFFSET + 1)
        assert not flying.done()

    run(scenario())
