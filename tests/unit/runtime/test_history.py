"""Time travel against a model: whatever is archived, snapshotted or trimmed, the state at T is the model's."""

import asyncio
import random
from dataclasses import dataclass, replace

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from services.archiver.accepted_stretch import AcceptedStretch
from stator.adapters.archive_memory import MemoryArchive
from stator.adapters.clock_manual import ManualClock
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryView
from stator.codec.manifests import decode_segments_head, encode_segments_head, encode_snapshots_head
from stator.model.archive import (
    SegmentsHead,
    SnapshotEntry,
    SnapshotsHead,
    segments_head_name,
    snapshot_name,
    snapshots_head_name,
)
from stator.model.errors import DamagedDataError, InvalidRestoreTimeError
from stator.model.positions import LogId, LogPosition, Offset, TimestampUs
from stator.model.records import Base
from stator.rules.recovery_plan import Moment
from stator.runtime.history import History
from stator.runtime.snapshots import Snapshots
from tests.histories import Items, RandomLog, position_of

LOG = LogId(7)


@dataclass
class Deployment:
    """A log, its archive, and what has been moved from one to the other."""

    history: RandomLog
    archive: MemoryArchive
    store: MemoryLogStore
    clock: ManualClock

    @classmethod
    def of(cls, history: RandomLog) -> "Deployment":
        store = MemoryLogStore()
        store.create(LOG)
        for message in history.messages:
            store.land(LOG, message.data)
        return cls(history, MemoryArchive(), store, ManualClock())

    async def archive_segments(self, cuts: list[int]) -> SegmentsHead:
        """Archive the log up to the last cut, one segment between each two."""
        head = SegmentsHead(log_id=LOG)
        for cut in cuts:
            stretch = AcceptedStretch(LOG, head.next_offset, head.lanes)
            for message in self.history.messages[head.next_offset : cut]:
                stretch.take(message)
            entry, data = stretch.finish()
            await self.archive.put(entry.name, data)
            head = replace(
                head,
                segments=(*head.segments, entry),
                lanes=stretch.lanes,
                begins_us=stretch.begins_us or head.begins_us,
            )
        await self.archive.put(segments_head_name(LOG), encode_segments_head(head))
        return head

    async def archive_snapshots(self, offsets: list[int]) -> None:
        snapshots = Snapshots(self.archive, self.clock, part_bytes=40)
        entries: list[SnapshotEntry] = []
        for offset in offsets:
            position, items = self.history.positions[offset], self.history.states[offset]
            name = snapshot_name(LOG, position.next_offset)
            entries.append(await snapshots.write(name, sorted(items.items()), position))
        head = SnapshotsHead(log_id=LOG, snapshots=tuple(entries))
        await self.archive.put(snapshots_head_name(LOG), encode_snapshots_head(head))

    async def state_at(self, timestamp_us: int, until: Offset | None = None) -> tuple[LogPosition, Items]:
        scratch = MemoryView(0)
        moment = Moment(
            timestamp_us=TimestampUs(timestamp_us),
            until=self.history.end if until is None else until,
            closed_us=TimestampUs(timestamp_us),
        )
        history = History(self.archive, MemoryLog(self.store), self.clock)
        position = await asyncio.wait_for(history.state_at(LOG, moment, scratch), timeout=10)
        assert scratch.position == position
        return position, dict(scratch.scan(b"", None))

    def closed_at(self, timestamp_us: int) -> int:
        """The first offset from which on no accepted effect is as early as this."""
        return max((offset + 1 for offset, e in self.history.effects if e.timestamp_us <= timestamp_us), default=0)


def random_history(dice: random.Random) -> RandomLog:
    history = RandomLog(LOG, dice, out_of_order=dice.random() < 0.7, stamps=True)
    history.grow(dice.randint(1, 40))
    return history


async def check_random_case(seed: int) -> None:
    dice = random.Random(seed)
    deployment = Deployment.of(random_history(dice))
    history = deployment.history
    cuts = sorted(dice.sample(range(1, history.end + 1), dice.randint(0, min(6, history.end))))
    await deployment.archive_segments(cuts)
    await deployment.archive_snapshots(sorted(dice.sample(range(history.end + 1), dice.randint(0, 2))))
    if cuts:
        deployment.store.trim(LOG, Offset(dice.randint(0, cuts[-1])))
    for _ in range(3):
        timestamp_us = dice.randint(990, history.now_us + 10)
        until = Offset(dice.randint(deployment.closed_at(timestamp_us), history.end))
        position, items = await deployment.state_at(timestamp_us, until)
        expected = history.at(timestamp_us)
        assert items == expected
        totals = position_of(expected, LogPosition())
        assert (position.digest, position.items, position.item_bytes) == (
            totals.digest,
            totals.items,
            totals.item_bytes,
        )
        assert position.timestamp_us <= timestamp_us
        assert position.next_offset <= until


@pytest.mark.parametrize("block", range(8))
def test_the_state_at_any_instant_is_the_models_however_history_is_stored(block: int) -> None:
    async def run() -> None:
        for seed in range(block * 50, block * 50 + 50):
            await check_random_case(seed)

    asyncio.run(run())


def of_seed(seed: int, steps: int = 30) -> Deployment:
    history = RandomLog(LOG, random.Random(seed), out_of_order=False)
    history.grow(steps)
    return Deployment.of(history)


def test_an_instant_before_a_table_began_with_a_base_is_refused() -> None:
    async def run() -> None:
        deployment, base = await begun_with_base()
        with pytest.raises(InvalidRestoreTimeError, match="history begins at"):
            await deployment.state_at(base.timestamp_us - 1)
        for cuts in ([2], [2, 3], [3, 10], [1, int(deployment.history.end)]):
            await deployment.archive_segments(cuts)
            with pytest.raises(InvalidRestoreTimeError, match="history begins at"):
                await deployment.state_at(base.timestamp_us - 1)

    asyncio.run(run())


async def begun_with_base() -> tuple[Deployment, Base]:
    source = of_seed(1)
    items = source.history.states[-1]
    position = source.history.positions[-1]
    archive = MemoryArchive()
    entry = await Snapshots(archive, ManualClock()).write("bases/9.snap", sorted(items.items()), position)
    base = Base(entry.name, bytes.fromhex(entry.sha256), position.digest, position.timestamp_us)
    history = RandomLog(LOG, random.Random(2))
    history.begin_with_base(base, items)
    history.grow(20)
    deployment = Deployment.of(history)
    deployment.archive.objects.update(archive.objects)
    return deployment, base


def test_a_log_that_begins_with_a_base_goes_on_from_its_items() -> None:
    async def run() -> None:
        deployment, base = await begun_with_base()
        history = deployment.history
        for cuts in ([], [2, 10], [int(history.end)]):
            await deployment.archive_segments(cuts)
            for timestamp_us in (base.timestamp_us, base.timestamp_us + 30, history.now_us):
                position, items = await deployment.state_at(timestamp_us)
                assert items == history.at(timestamp_us)
                assert position.base == base.snapshot_object

    asyncio.run(run())


def test_a_base_of_another_table_is_damage() -> None:
    async def run() -> None:
        deployment, base = await begun_with_base()
        name = base.snapshot_object
        entry = await Snapshots(deployment.archive, deployment.clock).write(name, [], LogPosition())
        assert entry.sha256 != base.sha256.hex()
        with pytest.raises(DamagedDataError, match=r"bases/9\.snap"):
            await deployment.state_at(deployment.history.now_us)

    asyncio.run(run())


def test_segments_wholly_after_the_instant_are_not_fetched() -> None:
    async def run() -> None:
        deployment = of_seed(3)
        head = await deployment.archive_segments([10, 20, 30])
        del deployment.archive.objects[head.segments[1].name]
        del deployment.archive.objects[head.segments[2].name]
        timestamp_us = head.segments[1].timestamp_us_min - 1
        _, items = await deployment.state_at(timestamp_us)
        assert items == deployment.history.at(timestamp_us)

    asyncio.run(run())


def test_a_missing_segment_is_named_rather_than_skipped() -> None:
    async def run() -> None:
        deployment = of_seed(3)
        head = await deployment.archive_segments([10, 20, 30])
        del deployment.archive.objects[head.segments[1].name]
        with pytest.raises(DamagedDataError, match=head.segments[1].name):
            await deployment.state_at(deployment.history.now_us)

    asyncio.run(run())


def test_segments_that_changed_places_are_damage() -> None:
    async def run() -> None:
        deployment = of_seed(4)
        head = await deployment.archive_segments([10, 20, 30])
        first, second, third = head.segments
        swapped = (first, replace(second, name=third.name, sha256=third.sha256), third)
        await deployment.archive.put(segments_head_name(LOG), encode_segments_head(replace(head, segments=swapped)))
        with pytest.raises(DamagedDataError, match="holds log 7 from offset 20"):
            await deployment.state_at(deployment.history.now_us)

    asyncio.run(run())


def test_history_of_another_log_with_the_same_offsets_is_damage() -> None:
    async def run() -> None:
        deployment, other = of_seed(5), of_seed(6)
        head = await deployment.archive_segments([10, 20])
        foreign = (await other.archive_segments([10, 20])).segments[1]
        deployment.archive.objects[foreign.name] = other.archive.objects[foreign.name]
        mixed = replace(head, segments=(head.segments[0], foreign))
        await deployment.archive.put(segments_head_name(LOG), encode_segments_head(mixed))
        with pytest.raises(DamagedDataError, match="does not continue"):
            await deployment.state_at(deployment.history.now_us)

    asyncio.run(run())


def stamped_late(*, wrong: bool) -> Deployment:
    history = RandomLog(LOG, random.Random(3), out_of_order=False)
    history.grow(40)
    history.stamp(structs.replace(history.mark(32), items=99) if wrong else history.mark(32))
    history.write()
    return Deployment.of(history)


@pytest.mark.parametrize("snapshots", [[20], [31]])
@pytest.mark.parametrize("archived", [True, False])
def test_a_snapshot_that_the_log_contradicts_is_done_without(snapshots: list[int], *, archived: bool) -> None:
    async def run() -> None:
        deployment = stamped_late(wrong=False)
        history = deployment.history
        for offset in snapshots:  # a view that has lost an item, and believes that there was none
            lost = dict(list(history.states[offset].items())[1:])
            history.states[offset], history.positions[offset] = lost, position_of(lost, history.positions[offset])
        await deployment.archive_segments([10, 30, history.end - 3, history.end] if archived else [])
        await deployment.archive_snapshots(snapshots)
        with capture_logs() as lines:
            _, items = await deployment.state_at(history.now_us)
        assert items == history.at(history.now_us)
        (line,) = lines
        assert (line["event"], line["log_level"]) == ("snapshot_passed_over", "error")

    asyncio.run(run())


def test_a_wrong_stamp_does_not_prevent_a_restore_from_the_whole_log() -> None:
    async def run() -> None:
        deployment = stamped_late(wrong=True)
        with capture_logs() as lines:
            _, items = await deployment.state_at(deployment.history.now_us)
        assert items == deployment.history.at(deployment.history.now_us)
        assert [line["event"] for line in lines] == ["stamp_disputed"]

    asyncio.run(run())


def test_a_stamp_that_contradicts_all_there_is_fails_the_restore_and_names_the_segment() -> None:
    async def run() -> None:
        deployment = stamped_late(wrong=True)
        end = deployment.history.end
        await deployment.archive_segments([10, 30, end - 3, end])
        await deployment.archive_snapshots([20])
        head = decode_segments_head("head", await deployment.archive.get(segments_head_name(LOG)))
        await deployment.archive.delete(head.segments[0].name)
        with pytest.raises(DamagedDataError, match=head.segments[0].name):
            await deployment.state_at(deployment.history.now_us)

    asyncio.run(run())


def test_what_lies_behind_the_instant_is_left_out_and_then_stamps_mean_something_else() -> None:
    async def run() -> None:
        deployment = stamped_late(wrong=True)
        first = next(effect for offset, effect in deployment.history.effects if offset > 20)
        _, items = await deployment.state_at(first.timestamp_us)
        assert items == deployment.history.at(first.timestamp_us)

    asyncio.run(run())


def test_progress_rises_to_its_total() -> None:
    async def run() -> None:
        deployment = of_seed(8)
        await deployment.archive_segments([7, 15])
        await deployment.archive_snapshots([10])
        told: list[tuple[int, int]] = []
        end = deployment.history.end
        closed = TimestampUs(deployment.history.now_us)
        moment = Moment(timestamp_us=closed, until=end, closed_us=closed)
        history = History(deployment.archive, MemoryLog(deployment.store), deployment.clock)
        await history.state_at(LOG, moment, MemoryView(0), lambda done, total: told.append((done, total)))
        done = [step for step, _ in told]
        assert done == sorted(done)
        assert done[-1] == told[-1][1]

    asyncio.run(run())
