"""What ports/change_history.py promises, as one suite for every implementation."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from random import Random

from stator.model.changes import ChangePoint, Shard, ShardCursor
from stator.model.positions import LogId
from stator.model.tables import Stream, Table
from stator.ports.change_history import ChangeHistory
from stator.rules.change_records import ChangeRecord
from tests.unit.streams.writing import LogWriter, effect, table

_fresh = count(1)

FIRST = Stream("NEW_IMAGE", "2026-11-21T08:00:00.000")
SECOND = Stream("KEYS_ONLY", "2026-11-21T09:00:00.000")
MANY = 1_000_000


class World(ABC):
    """One log with a writer, and whatever makes its changes readable."""

    def __init__(self, log_id: LogId, name: str) -> None:
        self.writer = LogWriter(log_id)
        self.log_id = log_id
        self.name = name
        self.numbers = count()

    @abstractmethod
    async def land(self, *messages: bytes) -> None:
        """Put messages at the end of the log."""

    @abstractmethod
    async def caught_up(self) -> None:
        """Return once what has landed can be read."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[ChangeHistory]:
        """A process's history; each has a memory of its own."""

    def table(self, stream: Stream | None) -> Table:
        return table(self.log_id, name=self.name, stream=stream)

    def shard(self, stream: Stream = FIRST, *, ended: bool = False) -> Shard:
        return Shard(self.table(None), stream, 0, ended)

    async def begin(self) -> None:
        await self.land(self.writer.claim())

    async def define(self, stream: Stream | None) -> None:
        await self.land(self.writer.define(self.table(stream)))

    def changes(self, names: int) -> bytes:
        """One message that makes so many new items, each at a time of its own."""
        start_us = self.now_us
        self.writer._timestamp_us += names
        made = [
            effect(None, {"Id": {"S": f"{next(self.numbers)}"}}, start_us + number) for number in range(1, names + 1)
        ]
        return self.writer.effects(made)

    @property
    def now_us(self) -> int:
        return self.writer._timestamp_us

    async def write(self, *sizes: int) -> None:
        """Messages of so many changes each, readable afterwards."""
        await self.land(*[self.changes(size) for size in sizes])
        await self.caught_up()


async def all_behind(
    history: ChangeHistory, shard: Shard, cursor: ShardCursor | None, *, records_max: int = 1000, bytes_max: int = MANY
) -> tuple[list[ChangeRecord], ShardCursor | None]:
    """Page after page until one is empty or the last, and the cursor that came with it."""
    found: list[ChangeRecord] = []
    while cursor is not None:
        page = await history.page(shard, cursor, records_max=records_max, bytes_max=bytes_max)
        assert len(page.records) <= records_max
        found += page.records
        cursor = page.following
        if not page.records:
            break
    return found, cursor


def names(records: list[ChangeRecord]) -> list[int]:
    return [int(record.keys["Id"]["S"]) for record in records]


class ChangeHistoryContract(ABC):
    """Subclass per implementation."""

    wait_s = 60.0

    @abstractmethod
    def world(self, number: int) -> AbstractAsyncContextManager[World]:
        """A new log that nobody has written to."""

    def run(self, scenario: Callable[[World, ChangeHistory], Awaitable[None]]) -> None:
        async def main() -> None:
            async with (
                asyncio.timeout(self.wait_s),
                self.world(next(_fresh)) as world,
                world.opened() as history,
            ):
                await world.begin()
                await scenario(world, history)

        asyncio.run(main())

    def test_pages_of_any_size_hold_every_change_once_and_in_order(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(1, 3, 2, 7, 1)
            begin = await history.since(world.shard(), 0)
            for records_max in (1, 2, 3, 1000):
                found, _ = await all_behind(history, world.shard(), begin, records_max=records_max)
                assert names(found) == list(range(14))
            found, _ = await all_behind(history, world.shard(), begin, bytes_max=7)
            assert names(found) == list(range(14))
            numbers = [record.place.sequence_number for record in found]
            assert numbers == sorted(set(numbers))
            assert [record.after for record in found[:2]] == [b'{"Id":{"S":"0"}}', b'{"Id":{"S":"1"}}']

        self.run(scenario)

    def test_the_end_gives_an_empty_page_and_what_comes_later_lies_behind_its_cursor(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(2)
            found, cursor = await all_behind(history, world.shard(), await history.since(world.shard(), 0))
            assert names(found) == [0, 1]
            for _ in range(3):
                more, cursor = await all_behind(history, world.shard(), cursor)
                assert more == []
            await world.write(1, 1)
            more, _ = await all_behind(history, world.shard(), cursor)
            assert names(more) == [2, 3]

        self.run(scenario)

    def test_a_consumer_that_keeps_up_with_the_writer_misses_nothing(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            cursor: ShardCursor | None = await history.since(world.shard(), 0)
            found: list[ChangeRecord] = []
            dice = Random(1)

            async def write() -> None:
                for _ in range(60):
                    await world.land(world.changes(1 + dice.randrange(2)))
                    await asyncio.sleep(dice.random() * 0.02)
                await world.caught_up()

            writing = asyncio.create_task(write())
            last_look = False
            while not last_look:
                last_look = writing.done()
                more, cursor = await all_behind(history, world.shard(), cursor, records_max=1 + dice.randrange(3))
                found += more
                await asyncio.sleep(dice.random() * 0.02)
            await writing
            assert names(found) == list(range(next(world.numbers)))

        self.run(scenario)

    def test_the_tip_is_behind_what_was_written_and_before_what_comes(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(3)
            await world.land(world.changes(1))  # maybe not to be read yet, but written
            tip = await history.tip(world.shard())
            await world.write(2)
            found, _ = await all_behind(history, world.shard(), tip)
            assert names(found) == [4, 5]

        self.run(scenario)

    def test_a_stream_whose_log_does_not_know_of_it_yet_is_empty_and_open(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            tip = await history.tip(world.shard())
            beginning = await history.since(world.shard(), 0)
            found, following = await all_behind(history, world.shard(), beginning)
            assert found == []
            await world.define(FIRST)
            await world.write(2)
            for cursor in (tip, beginning, following):
                found, _ = await all_behind(history, world.shard(), cursor)
                assert names(found) == [0, 1]

        self.run(scenario)

    def test_each_change_is_found_at_its_point_and_by_its_time(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(2, 1, 3)
            every, _ = await all_behind(history, world.shard(), await history.since(world.shard(), 0))
            for number, record in enumerate(every):
                point = record.place.point
                later = ChangePoint(point.offset, point.index + 1)
                for cursor, first in (
                    (await history.at(world.shard(), point), number),
                    (await history.at(world.shard(), later), number + 1),
                    (await history.since(world.shard(), record.timestamp_us), number),
                    (await history.since(world.shard(), record.timestamp_us + 1), number + 1),
                ):
                    found, _ = await all_behind(history, world.shard(), cursor)
                    assert names(found) == list(range(first, 6))

        self.run(scenario)

    def test_a_time_still_to_come_is_waited_for(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(1)
            cursor = await history.since(world.shard(), world.now_us + 1000)
            await world.write(1)
            found, _ = await all_behind(history, world.shard(), cursor)
            assert names(found) == [1]

        self.run(scenario)

    def test_cursors_are_good_in_another_process_and_with_any_hint(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(2, 2, 2)
            begin = await history.since(world.shard(), 0)
            page = await history.page(world.shard(), begin, records_max=3, bytes_max=MANY)
            assert page.following is not None
            point = page.following.point
            async with world.opened() as other:
                for cursor in (page.following, ShardCursor(point), ShardCursor(point, "no hint of ours")):
                    found, _ = await all_behind(other, world.shard(), cursor)
                    assert names(found) == [3, 4, 5]

        self.run(scenario)

    def test_what_a_fenced_writer_sent_late_is_not_there(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(1)
            await world.land(world.writer.claim())
            await world.land(world.writer.stale([effect(None, {"Id": {"S": "99"}})]))
            await world.write(1)
            found, _ = await all_behind(history, world.shard(), await history.since(world.shard(), 0))
            assert names(found) == [0, 1]

        self.run(scenario)

    def test_an_ended_stream_has_an_end_and_the_next_one_has_none_of_its_changes(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(2)
            begin = await history.since(world.shard(), 0)
            _, open_end = await all_behind(history, world.shard(), begin)
            assert open_end is not None
            assert await history.ending(world.shard()) is None
            await world.write(1)
            await world.define(None)
            await world.write(1)
            ended = world.shard(ended=True)
            for _ in range(2):
                found, end = await all_behind(history, ended, begin)
                assert names(found) == [0, 1, 2]
                assert end is None
                await world.define(SECOND)
                await world.write(1)
            found, end = await all_behind(history, ended, open_end)
            assert names(found) == [2]
            assert end is None
            found, end = await all_behind(history, ended, await history.tip(ended))
            assert found == []
            assert end is None
            found, end = await all_behind(history, world.shard(SECOND), await history.since(world.shard(SECOND), 0))
            assert names(found) == [4, 5]
            assert end is not None

        self.run(scenario)

    def test_the_ending_lies_behind_the_last_change_and_stays_where_it_is(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(1, 2)
            found, _ = await all_behind(history, world.shard(), await history.since(world.shard(), 0))
            await world.define(None)
            await world.caught_up()
            ended = world.shard(ended=True)
            ending = await history.ending(ended)
            assert ending is not None
            assert ending > found[-1].place.point
            await world.define(SECOND)
            await world.write(1)
            assert await history.ending(ended) == ending
            async with world.opened() as other:
                assert await other.ending(ended) == ending

        self.run(scenario)

    def test_a_stream_that_ended_without_a_change_is_closed_and_empty(self) -> None:
        async def scenario(world: World, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.define(None)
            await world.write(1)
            ended = world.shard(ended=True)
            found, end = await all_behind(history, ended, await history.since(ended, 0))
            assert found == []
            assert end is None
            assert await history.ending(ended) is not None

        self.run(scenario)
