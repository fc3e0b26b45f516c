"""The archive is the log, whatever is killed in between and however the archive behaves."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from services.archiver.ship_segments import SegmentLimits, SegmentShipper
from stator.adapters.archive_memory import MemoryArchive
from stator.adapters.clock_manual import ManualClock
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.codec.segment_files import open_segment
from stator.model.archive import SegmentsHead, segments_head_name
from stator.model.errors import DamagedDataError, LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.runtime.archived_objects import fetch_verified, load_segments_head
from stator.runtime.patience import LONGEST_WAIT_S
from tests.histories import RandomLog

LOG = LogId(7)
SMALL = SegmentLimits(segment_bytes=600, segment_age_s=10.0)
LARGE = SegmentLimits(segment_bytes=10_000_000, segment_age_s=10.0)


class FlakyArchive(MemoryArchive):
    """Fails when told to: before or after the object is stored, or by keeping other bytes than it was given."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        super().__init__(objects)
        self.fault: Callable[[str], str | None] = lambda _: None
        self.puts: list[str] = []

    async def put(self, name: str, data: bytes) -> None:
        fault = self.fault(name)
        if fault == "before":
            raise OSError("refused")
        await super().put(name, data[:-1] if fault == "torn" else data)
        self.puts.append(name)
        if fault == "after":
            raise OSError("timed out")

    async def get(self, name: str) -> bytes:
        if self.fault(name) == "unreadable":
            raise OSError("refused")
        return await super().get(name)


class Shop:
    """One log, one archive, and shippers of it that come and go."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = ManualClock()
        self.archive = FlakyArchive()
        self.store = MemoryLogStore()
        self.store.create(LOG)
        self.history = RandomLog(LOG, random.Random(seed))
        self._tasks: list[asyncio.Task[None]] = []

    def grow(self, steps: int) -> None:
        before = self.history.end
        self.history.grow(steps)
        for message in self.history.messages[before:]:
            self.store.land(LOG, message.data)

    def start(self, limits: SegmentLimits = LARGE, archive: MemoryArchive | None = None) -> SegmentShipper:
        shipper = SegmentShipper(MemoryLog(self.store), archive or self.archive, self.clock, LOG, limits)
        self._tasks.append(asyncio.ensure_future(shipper.run()))
        return shipper

    @property
    def task(self) -> "asyncio.Task[None]":
        return self._tasks[-1]

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def settle(self) -> None:
        """Let everything run that needs no time to pass."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def head(self) -> SegmentsHead:
        return await load_segments_head(MemoryArchive(self.archive.objects), LOG)

    async def archived(self) -> list[LogMessage]:
        """Every message in the archive, through the head and all checks."""
        messages: list[LogMessage] = []
        head = await self.head()
        for entry in head.segments:
            data = await fetch_verified(MemoryArchive(self.archive.objects), entry.name, entry.sha256)
            footer, found = open_segment(entry.name, data)
            assert footer.lanes_before == self.history.positions[entry.first_offset].lanes
            assert footer.lanes_after == self.history.positions[entry.next_offset].lanes
            messages += found
        return messages


def in_shop(scenario: Callable[[Shop], Awaitable[None]], seed: int = 1) -> None:
    async def run() -> None:
        shop = Shop(seed)
        try:
            await asyncio.wait_for(scenario(shop), timeout=20)
        finally:
            await shop.kill()

    asyncio.run(run())


def test_a_flush_archives_everything_up_to_its_offset_at_once() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(40)
        shipper = shop.start()
        await shipper.flush(shop.history.end)
        assert shipper.archived_until == shop.history.end
        assert await shop.archived() == shop.history.messages

    in_shop(scenario)


def test_a_flush_of_what_is_archived_returns_at_once() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(5)
        shipper = shop.start()
        await shipper.flush(shop.history.end)
        puts = len(shop.archive.puts)
        await shipper.flush(Offset(3))
        assert len(shop.archive.puts) == puts

    in_shop(scenario)


def test_a_segment_is_cut_when_it_is_old_enough_and_not_before() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(3)
        shipper = shop.start()
        await shop.settle()
        shop.clock.advance(9.9)
        await shop.settle()
        assert shipper.archived_until == 0
        shop.clock.advance(0.2)
        await shop.settle()
        assert await shop.archived() == shop.history.messages

    in_shop(scenario)


def test_a_segment_is_cut_when_it_is_large_enough() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(60)
        shipper = shop.start(SMALL)
        await shop.settle()
        archived = await shop.archived()
        assert len((await shop.head()).segments) > 5
        assert archived == shop.history.messages[: shipper.archived_until]
        assert all(entry.size_bytes < 3_000 for entry in (await shop.head()).segments)

    in_shop(scenario)


def test_many_small_segments_become_one_and_the_old_ones_go_after_a_while() -> None:
    async def scenario(shop: Shop) -> None:
        shipper = shop.start(SegmentLimits(segment_bytes=100_000, segment_age_s=10.0, merge_segments=8))
        segments: list[int] = []
        for _ in range(30):
            shop.grow(1)
            await shipper.flush(shop.history.end)
            await shop.settle()
            segments.append(len((await shop.head()).segments))
        assert max(segments) == 7
        assert await shop.archived() == shop.history.messages
        old = [name for name in shop.archive.objects if name.endswith(".seg")]
        assert len(old) > 30
        shop.clock.advance(3_601)
        for _ in range(8):
            shop.grow(1)
            await shipper.flush(shop.history.end)
            await shop.settle()
        head = await shop.head()
        named = {entry.name for entry in head.segments} | {entry.name for entry in head.retired}
        assert named == {name for name in shop.archive.objects if name.endswith(".seg")}
        assert len(named) < 20
        assert await shop.archived() == shop.history.messages

    in_shop(scenario)


def test_a_damaged_old_segment_is_not_merged_and_does_not_stop_the_shipping() -> None:
    async def scenario(shop: Shop) -> None:
        shipper = shop.start(SegmentLimits(segment_bytes=100_000, segment_age_s=10.0, merge_segments=4))
        for _ in range(3):
            shop.grow(1)
            await shipper.flush(shop.history.end)
        first = (await shop.head()).segments[0].name
        shop.archive.objects[first] += b"?"
        for _ in range(3):
            shop.grow(1)
            await shipper.flush(shop.history.end)
            await shop.settle()
        assert shipper.archived_until == shop.history.end
        assert (await shop.head()).segments[0].name == first

    in_shop(scenario)


def test_an_idle_log_puts_nothing_however_long_it_lasts() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(3)
        shipper = shop.start()
        await shipper.flush(shop.history.end)
        puts = len(shop.archive.puts)
        await shop.settle()
        assert shop.clock.next_wake() is None
        for _ in range(5):
            shop.clock.advance(3_600)
            await shop.settle()
        assert len(shop.archive.puts) == puts

    in_shop(scenario)


def test_a_new_shipper_goes_on_where_the_head_says() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(20)
        await shop.start().flush(shop.history.end)
        await shop.kill()
        shop.store.trim(LOG, shop.history.end)
        shop.grow(20)
        await shop.start().flush(shop.history.end)
        assert await shop.archived() == shop.history.messages

    in_shop(scenario)


@pytest.mark.parametrize("fault", ["before", "after", "torn", "unreadable"])
def test_an_archive_that_fails_for_a_while_costs_nothing_but_time(fault: str) -> None:
    async def scenario(shop: Shop) -> None:
        dice = random.Random(4)
        shop.archive.fault = lambda _: fault if dice.random() < 0.5 else None
        shop.grow(40)
        shipper = shop.start(SMALL)
        flushing = asyncio.ensure_future(shipper.flush(shop.history.end))
        while not flushing.done():
            await shop.settle()
            shop.clock.advance(1)
        assert await shop.archived() == shop.history.messages

    in_shop(scenario)


def test_an_archive_that_is_away_is_asked_ever_less_often_and_nothing_more_is_read() -> None:
    async def scenario(shop: Shop) -> None:
        shop.archive.fault = lambda name: "before" if name.endswith(".seg") else None
        shop.grow(40)
        shipper = shop.start(SMALL)
        await shop.settle()
        held = shipper._stretch.messages
        shop.grow(400)
        waited = [shop.clock.monotonic()]
        for _ in range(12):
            wake = shop.clock.next_wake()
            assert wake is not None
            waited.append(wake)
            shop.clock.advance(wake - shop.clock.monotonic())
            await shop.settle()
        pauses = [later - earlier for earlier, later in pairwise(waited)]
        assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
        assert pauses[-1] == LONGEST_WAIT_S
        assert shipper._stretch.messages == held
        shop.archive.fault = lambda _: None
        shop.clock.advance(30)
        await shipper.flush(shop.history.end)
        assert await shop.archived() == shop.history.messages

    in_shop(scenario)


@pytest.mark.parametrize("seed", range(40))
def test_killed_anywhere_it_ships_the_same_log_in_the_end(seed: int) -> None:
    async def scenario(shop: Shop) -> None:
        dice = random.Random(seed)
        for _ in range(6):
            shop.grow(dice.randint(1, 12))
            shop.archive.fault = lambda _: dice.choice([None, None, None, "after", "before"])
            limits = SegmentLimits(
                segment_bytes=dice.randint(200, 2_000), segment_age_s=1.0, merge_segments=dice.randint(2, 5)
            )
            shop.start(limits)
            for _ in range(dice.randint(1, 60)):
                await asyncio.sleep(0)
                shop.clock.advance(dice.choice([0, 0, 0.3]))
            await shop.kill()
            archived = await shop.archived()
            assert archived == shop.history.messages[: len(archived)]
            shop.store.trim(LOG, (await shop.head()).next_offset)
        shop.archive.fault = lambda _: None
        await shop.start(SMALL).flush(shop.history.end)
        assert await shop.archived() == shop.history.messages

    in_shop(scenario, seed)


@pytest.mark.parametrize("seed", range(20))
def test_two_shippers_of_one_log_leave_one_archive(seed: int) -> None:
    async def scenario(shop: Shop) -> None:
        dice = random.Random(seed)
        first, second = shop.start(SMALL), shop.start(LARGE)
        for _ in range(8):
            shop.grow(dice.randint(1, 20))
            for _ in range(dice.randint(1, 30)):
                await asyncio.sleep(0)
            shop.clock.advance(dice.choice([0.0, 11.0]))
        flushing = asyncio.gather(first.flush(shop.history.end), second.flush(shop.history.end))
        while not flushing.done():
            await shop.settle()
            shop.clock.advance(1)
        assert await shop.archived() == shop.history.messages

    in_shop(scenario, seed)


def test_a_shipper_that_was_away_does_not_shorten_what_another_archived() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(10)
        stale_archive = FlakyArchive(shop.archive.objects)
        stale_archive.fault = lambda name: "before" if name.endswith(".seg") else None
        stale = shop.start(SMALL, stale_archive)
        await shop.settle()
        shop.grow(50)
        await shop.start(LARGE).flush(shop.history.end)
        shop.store.trim(LOG, shop.history.end)
        longest = await shop.head()
        stale_archive.fault = lambda _: None
        shop.clock.advance(60)
        await shop.settle()
        assert await shop.head() == longest
        assert stale.archived_until == shop.history.end

    in_shop(scenario)


def test_a_head_that_was_stored_though_the_put_timed_out_is_not_taken_for_anothers() -> None:
    async def scenario(shop: Shop) -> None:
        shop.archive.fault = lambda name: "after" if name.endswith(".json") else None
        shop.grow(10)
        shipper = shop.start()
        with capture_logs() as lines:
            flushing = asyncio.ensure_future(shipper.flush(shop.history.end))
            while not flushing.done():
                await shop.settle()
                shop.clock.advance(1)
        assert {"segment_shipped", "archive_away"} <= {line["event"] for line in lines}
        assert "shipped_elsewhere" not in {line["event"] for line in lines}

    in_shop(scenario)


def test_a_rewritten_log_halts_the_shipper_before_it_is_archived() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(10)
        await shop.start().flush(shop.history.end)
        before = dict(shop.archive.objects)
        await shop.kill()
        other = RandomLog(LOG, random.Random(99))
        other.claim()
        other.barrier()
        other.barrier()
        # A cluster that lost an acknowledged tail: same epoch and sequence go on, the chain does not.
        state = shop.history.positions[-1].lane()
        other._leader.lane = state.__class__(state.epoch, state.writer, state.seq, state.chain ^ 1)
        other.barrier()
        shop.store.land(LOG, other.messages[-1].data)
        shipper = shop.start()
        with pytest.raises(LogError, match="not shipped any more"):
            await shipper.flush(Offset(shop.history.end + 1))
        with pytest.raises(DamagedDataError, match="rewritten"):
            await shop.task
        assert shop.archive.objects == before
        with pytest.raises(LogError, match="not shipped any more"):
            await shipper.flush(Offset(shop.history.end + 1))

    in_shop(scenario)


def test_a_record_of_another_log_halts_the_shipper() -> None:
    async def scenario(shop: Shop) -> None:
        foreign = RandomLog(LogId(8), random.Random(1))
        foreign.claim()
        shop.store.land(LOG, foreign.messages[0].data)
        shop.start()
        with pytest.raises(DamagedDataError, match="log 7 holds a record of log 8 at 0"):
            await shop.task

    in_shop(scenario)


def test_a_damaged_head_halts_the_shipper_rather_than_being_replaced() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(10)
        await shop.start().flush(shop.history.end)
        await shop.kill()
        name = segments_head_name(LOG)
        damaged = shop.archive.objects[name] = shop.archive.objects[name][:-3]
        shop.start()
        with pytest.raises(DamagedDataError, match=name):
            await shop.task
        assert shop.archive.objects[name] == damaged

    in_shop(scenario)


def test_a_log_trimmed_beyond_the_archive_ends_the_shipper() -> None:
    async def scenario(shop: Shop) -> None:
        shop.grow(10)
        shop.store.trim(LOG, Offset(5))
        shop.start()
        with pytest.raises(LogError, match="trimmed"):
            await shop.task

    in_shop(scenario)
