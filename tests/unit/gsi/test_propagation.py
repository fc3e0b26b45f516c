"""Whatever happens to workers and appends, the index logs add up to the projection of the items."""

import asyncio

import pytest

from services.gsi.propagate import PROGRESS_RECORDS, PROGRESS_S, TICK_S
from stator.codec.log_records import decode_envelope, decode_index_batch
from stator.model.positions import LaneId, LogId, Offset, WriterId
from stator.model.records import Kind
from tests.unit.gsi.world import INDEX_LOGS, SOURCES, Process, World

QUIET_S = 60.0
"""Longer than every patience, pause and progress interval together."""


@pytest.mark.parametrize("seed", range(12))
def test_indexes_equal_the_projection_whatever_fails(seed: int) -> None:
    async def scenario() -> None:
        world = World(seed)
        dice = world.dice
        for writer in world.writers:
            writer.claim()
            writer.install_base(20)
            writer.define()
        processes: list[Process] = []
        owner: dict[LogId, str] = {}
        for step in range(120):
            for writer in world.writers:
                writer.write()
                if dice.random() < 0.05:
                    writer.claim()
            if len(processes) < 3 and dice.random() < 0.2:
                name = f"gsi-{step}"
                process = world.process(name, lambda source, name=name: owner.get(source, name) == name)
                process.log.faults = 0.1
                processes.append(process)
                owner[dice.choice(SOURCES)] = name
            if processes and dice.random() < 0.1:
                processes.pop(dice.randrange(len(processes))).kill()
            await world.run(dice.choice((0.0, 0.05, 0.7)))
        for process in processes:
            process.kill()
        last = world.process("gsi-last")
        await world.run(QUIET_S)
        assert await world.index_rows() == world.projection()
        for log_id in INDEX_LOGS:
            lanes = (await world.index_view(log_id)).position
            for source in SOURCES:
                assert lanes.lane(LaneId(source)).source_offset == world.store.end(source) - 1
        await last.close()
        assert world.failures == []

    asyncio.run(scenario())


def begun(seed: int = 1) -> World:
    world = World(seed)
    for writer in world.writers:
        writer.claim()
        writer.define()
    return world


def test_restarted_worker_reads_on_where_the_lanes_stand() -> None:
    async def scenario() -> None:
        world = begun()
        for writer in world.writers:
            for _ in range(50):
                writer.write()
        first = world.process("gsi-1")
        await world.run(QUIET_S)
        first.kill()
        ends = {source: world.store.end(source) for source in SOURCES}
        for writer in world.writers:
            writer.write()
        second = world.process("gsi-2")
        await world.run(QUIET_S)
        assert {log_id: start for log_id, start in second.log.reads if log_id in SOURCES} == ends
        assert await world.index_rows() == world.projection()
        await second.close()

    asyncio.run(scenario())


def test_worker_that_was_taken_over_stands_back() -> None:
    async def scenario() -> None:
        world = begun()
        theirs: set[str] = {"gsi-1"}
        first = world.process("gsi-1", lambda _: "gsi-1" in theirs)
        await world.run(5)
        theirs.clear()
        second = world.process("gsi-2")
        await world.run(5)
        lanes = (await world.index_view(LogId(11))).position.lanes
        for writer in world.writers:
            writer.write()
        await world.run(5)
        after = (await world.index_view(LogId(11))).position.lanes
        assert {lane: state.epoch for lane, state in lanes.items()} == {LaneId(1): 2, LaneId(2): 2}
        assert {lane: state.writer for lane, state in after.items()} == {
            lane: state.writer for lane, state in lanes.items()
        }
        assert await world.index_rows() == world.projection()
        await first.close()
        await second.close()

    asyncio.run(scenario())


def test_lane_without_rows_says_every_thousand_records_how_far_it_is() -> None:
    async def scenario() -> None:
        world = begun()
        process = world.process("gsi-1")
        await world.run(1)
        for _ in range(PROGRESS_RECORDS + 10):
            world.writers[0].barrier()
        await world.run(PROGRESS_S / 2)
        lane = (await world.index_view(LogId(11))).position.lane(LaneId(1))
        assert PROGRESS_RECORDS <= lane.source_offset < world.store.end(SOURCES[0]) - 1
        await process.close()

    asyncio.run(scenario())


def test_lane_without_rows_says_every_second_how_far_it_is() -> None:
    async def scenario() -> None:
        world = begun()
        process = world.process("gsi-1")
        await world.run(1)
        for _ in range(3):
            world.writers[0].barrier()
        await world.run(PROGRESS_S + 2 * TICK_S)
        lane = (await world.index_view(LogId(11))).position.lane(LaneId(1))
        assert lane.source_offset == world.store.end(SOURCES[0]) - 1
        await process.close()

    asyncio.run(scenario())


def completes_beyond(offset: int, data: bytes) -> bool:
    record = decode_envelope(data)
    if record.kind is not Kind.INDEX:
        return False
    batch = decode_index_batch(record)
    return batch.last and batch.source.offset > offset


def test_record_with_many_large_rows_is_split_and_counts_only_as_a_whole() -> None:
    async def scenario() -> None:
        world = begun()
        world.writers[0].write()
        before = world.store.end(SOURCES[0]) - 1
        world.writers[0].write(30, note_bytes=300_000)
        process = world.process("gsi-1")
        await world.run(5)
        batches = [
            decode_index_batch(record)
            for message in world.store.messages(LogId(11), Offset(0))
            if (record := decode_envelope(message.data)).kind is Kind.INDEX
        ]
        large = [batch for batch in batches if batch.source.offset == before + 1]
        assert [batch.last for batch in large] == [False] * (len(large) - 1) + [True]
        assert len(large) > 1
        assert await world.index_rows() == world.projection()
        await process.close()

        # The same world, but that the last record of each lane never landed.
        cut = World(2)
        cut.writers = world.writers
        for log_id in world.store.ids():
            for message in world.store.messages(log_id, Offset(0)):
                if not completes_beyond(before, message.data):
                    cut.store.land(log_id, message.data)
        again = cut.process("gsi-2")
        await cut.run(5)
        assert await cut.index_rows() == cut.projection()
        await again.close()

    asyncio.run(scenario())


async def writers(world: World) -> dict[LaneId, WriterId]:
    lanes = (await world.index_view(LogId(11))).position.lanes
    return {lane: state.writer for lane, state in lanes.items()}


@pytest.mark.parametrize("turns", range(20))
def test_worker_that_loses_a_source_and_its_lanes_at_one_moment_stays_away(turns: int) -> None:
    async def scenario() -> None:
        world = begun()
        theirs = {"gsi-1"}
        first = world.process("gsi-1", lambda _: "gsi-1" in theirs)
        await world.run(5)
        second = world.process("gsi-2")
        for _ in range(turns):
            await asyncio.sleep(0)
        theirs.clear()
        first.worker.sources.assign(lambda _: False)
        await world.run(5)
        before = await writers(world)
        await world.run(10)
        assert await writers(world) == before
        await first.close()
        await second.close()

    asyncio.run(scenario())


def test_damaged_source_halts_alone() -> None:
    async def scenario() -> None:
        world = begun()
        world.store.land(SOURCES[0], b"rubbish")
        process = world.process("gsi-1")
        await world.run(5)
        world.writers[1].write()
        await world.run(QUIET_S)
        lanes = (await world.index_view(LogId(11))).position
        assert lanes.lane(LaneId(1)).source_offset == 1
        assert lanes.lane(LaneId(2)).source_offset == world.store.end(SOURCES[1]) - 1
        assert world.failures == []
        await process.close()

    asyncio.run(scenario())


def test_worker_with_a_view_reads_an_index_log_from_where_the_view_stands() -> None:
    async def scenario() -> None:
        world = begun()
        for writer in world.writers:
            for _ in range(50):
                writer.write()
        first = world.process("gsi-1")
        await world.run(QUIET_S)
        first.kill()
        positions = {log_id: (await world.index_view(log_id)).position for log_id in INDEX_LOGS}
        ends = {source: world.store.end(source) for source in SOURCES}
        for writer in world.writers:
            writer.write()
        second = world.process("gsi-2", known=positions.__getitem__)
        await world.run(QUIET_S)
        wanted = ends | {log_id: position.next_offset for log_id, position in positions.items()}
        assert dict(second.log.reads) == wanted
        assert await world.index_rows() == world.projection()
        await second.close()

    asyncio.run(scenario())
