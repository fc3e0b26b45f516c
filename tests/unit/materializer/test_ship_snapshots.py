import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from services.materializer.ship_snapshots import SnapshotLimits, SnapshotShipper, SnapshotSweep
from stator.adapters.archive_memory import MemoryArchive
from stator.adapters.clock_manual import ManualClock
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryView
from stator.model.errors import DamagedDataError
from stator.model.positions import LogId, LogPosition, Offset, TimestampUs
from stator.ports.view import Change, StoredItem
from stator.rules.evolve import digest_after
from stator.runtime.archived_objects import load_snapshots_head
from stator.runtime.replica import Replica
from stator.runtime.snapshots import Snapshots

LOG = LogId(7)
LIMITS = SnapshotLimits(records=10)


class AbsentArchive(MemoryArchive):
    async def put(self, name: str, data: bytes) -> None:
        raise OSError(f"{len(data)} bytes refused for {name}")


class Desk:
    """A view that is written to, and a shipper of it."""

    def __init__(self, archive: MemoryArchive | None = None) -> None:
        self.clock = ManualClock()
        self.archive = archive or MemoryArchive()
        self.view = MemoryView(0)
        self.shipper = SnapshotShipper(self.view, self.archive, self.clock, LOG, LIMITS)

    def write(self, records: int, items_each: int = 1) -> None:
        """Each record puts new items."""
        for _ in range(records):
            before = self.view.position
            digest, changes = before.digest, []
            for number in range(items_each):
                key = b"%08d-%04d" % (before.next_offset, number)
                changes.append(Change(key, StoredItem(TimestampUs(before.next_offset), b"{}")))
                digest = digest_after(digest, key, None, b"{}")
            after = replace(
                before,
                next_offset=Offset(before.next_offset + 1),
                timestamp_us=TimestampUs(before.next_offset),
                digest=digest,
                items=before.items + items_each,
            )
            self.view.apply(changes, after)

    async def offsets(self) -> list[int]:
        return [entry.next_offset for entry in (await load_snapshots_head(self.archive, LOG)).snapshots]

    async def settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)


def at_desk(scenario: Callable[[Desk], Awaitable[None]], archive: MemoryArchive | None = None) -> None:
    async def run() -> None:
        await asyncio.wait_for(scenario(Desk(archive)), timeout=20)

    asyncio.run(run())


async def _no_base(*_: object) -> None:
    raise AssertionError("there is no base in these logs")


async def running(desk: Desk, work: Callable[[], Awaitable[None]]) -> None:
    replica = Replica(MemoryLog(MemoryLogStore()), LOG, desk.view, _no_base)
    sweep = SnapshotSweep(lambda: [replica], desk.archive, desk.clock, LIMITS, lambda _: True)
    task = asyncio.ensure_future(sweep.run())
    try:
        await work()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_snapshot_loads_into_an_equal_view() -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(30, items_each=40)
        entry = await desk.shipper.ship()
        loaded = MemoryView(0)
        loaded.apply([Change(b"left over", StoredItem(TimestampUs(1), b"{}"))], LogPosition())
        position = await Snapshots(desk.archive, desk.clock).load(entry.name, entry.sha256, loaded)
        assert position == loaded.position == desk.view.position
        assert list(loaded.scan(b"", None)) == list(desk.view.scan(b"", None))

    at_desk(scenario)


def test_a_view_that_moves_on_meanwhile_is_archived_as_it_stood() -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(30, items_each=40)
        shipping = asyncio.ensure_future(desk.shipper.ship())
        while not shipping.done():
            await asyncio.sleep(0)
            desk.write(1)
        loaded = MemoryView(0)
        entry = shipping.result()
        assert desk.view.position.next_offset > entry.next_offset + 5, "the view did not move meanwhile"
        await Snapshots(desk.archive, desk.clock).load(entry.name, entry.sha256, loaded)
        assert loaded.position.next_offset == entry.next_offset
        older = [row for row in desk.view.scan(b"", None) if row[1].timestamp_us < entry.next_offset]
        assert list(loaded.scan(b"", None)) == older

    at_desk(scenario)


def test_the_first_snapshot_and_the_next_come_when_enough_records_are_behind_the_last() -> None:
    async def scenario(desk: Desk) -> None:
        async def work() -> None:
            for records, expected in ((9, []), (1, [10]), (9, [10]), (3, [10, 22])):
                desk.write(records)
                await desk.settle()
                desk.clock.advance(30)
                await desk.settle()
                assert await desk.offsets() == expected

        await running(desk, work)

    at_desk(scenario)


def test_a_new_shipper_goes_on_from_the_last_snapshot_listed() -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(15)
        first = await desk.shipper.ship()
        desk.shipper = SnapshotShipper(desk.view, desk.archive, desk.clock, LOG, LIMITS)
        assert await desk.shipper.ship() == first
        desk.write(9)
        await running(desk, desk.settle)
        assert await desk.offsets() == [15]

    at_desk(scenario)


def test_two_views_of_one_log_share_a_head() -> None:
    async def scenario(desk: Desk) -> None:
        other = Desk(desk.archive)
        desk.write(15)
        other.write(12)
        await desk.shipper.ship()
        await other.shipper.ship()
        assert await desk.offsets() == [12, 15]

    at_desk(scenario)


def test_a_view_that_drifted_from_its_log_is_not_listed() -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(15)
        desk.view.apply([Change(b"stray", StoredItem(TimestampUs(1), b"{}"))], desk.view.position)
        with pytest.raises(DamagedDataError, match="16 items with digest"):
            await desk.shipper.ship()
        assert await desk.offsets() == []

    at_desk(scenario)


def test_an_archive_that_is_away_puts_the_snapshot_off() -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(15)

        async def work() -> None:
            await desk.settle()
            assert desk.clock.next_wake() is not None

        await running(desk, work)
        assert await desk.offsets() == []

    at_desk(scenario, AbsentArchive())


@pytest.mark.parametrize("seed", range(10))
def test_any_damaged_object_of_a_snapshot_is_named_and_not_loaded(seed: int) -> None:
    async def scenario(desk: Desk) -> None:
        dice = random.Random(seed)
        desk.write(20, items_each=30)
        entry = await Snapshots(desk.archive, desk.clock, part_bytes=2_000).write(
            "snapshots/x.snap", desk.view.scan(b"", None), desk.view.position
        )
        name = dice.choice(sorted(desk.archive.objects))
        data = bytearray(desk.archive.objects[name])
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        desk.archive.objects[name] = bytes(data)
        with pytest.raises(DamagedDataError, match=name):
            await Snapshots(desk.archive, desk.clock).load(entry.name, entry.sha256, MemoryView(0))

    at_desk(scenario)


def test_a_missing_part_is_named() -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(3)
        entry = await desk.shipper.ship()
        part = next(name for name in desk.archive.objects if name.endswith(".part"))
        del desk.archive.objects[part]
        with pytest.raises(DamagedDataError, match=part):
            await Snapshots(desk.archive, desk.clock).load(entry.name, entry.sha256, MemoryView(0))

    at_desk(scenario)
