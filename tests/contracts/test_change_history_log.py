"""The change-history contract over logs in memory, and that what is far away in a log is not read for nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.streams.log_history import MESSAGES_PER_PAGE, MESSAGES_PER_TURN, LogChangeHistory
from services.streams.source import Source
from services.streams.waymarks import SPACING_MESSAGES
from stator.adapters.clock_manual import ManualClock
from stator.adapters.log_memory import MemoryLog, MemoryLogReader, MemoryLogStore
from stator.codec.catalog_entries import encode_table
from stator.codec.change_topics import decode_state
from stator.model.changes import ChangePoint, ShardCursor
from stator.model.positions import OWN_LANE, LogId, LogPosition, Offset
from stator.model.records import LogMessage
from stator.ports.change_history import ChangeHistory
from tests.contracts.change_history_contract import FIRST, ChangeHistoryContract, World, all_behind, names

NEAR_MESSAGES = SPACING_MESSAGES + MESSAGES_PER_TURN


class WatchedLog(MemoryLog):
    """Remembers from where it was read."""

    def __init__(self, store: MemoryLogStore) -> None:
        super().__init__(store)
        self.starts: list[Offset] = []

    def read(self, log_id: LogId, start: Offset) -> MemoryLogReader:
        self.starts.append(start)
        return super().read(log_id, start)


class LogWorld(World):
    def __init__(self, log_id: LogId, name: str) -> None:
        super().__init__(log_id, name)
        self.store = MemoryLogStore()
        self.store.create(log_id)
        self.log = WatchedLog(self.store)
        self.position = LogPosition()

    async def land(self, *messages: bytes) -> None:
        for message in messages:
            self.store.land(self.log_id, message)

    async def caught_up(self) -> None:
        """Whatever is in the log can be read."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ChangeHistory]:
        yield LogChangeHistory(self.log, ManualClock(), newest=lambda _: self.position)


class TestLogChangeHistory(ChangeHistoryContract):
    @asynccontextmanager
    async def world(self, number: int) -> AsyncIterator[World]:
        yield LogWorld(LogId(number), f"Table{number}")


def run(scenario: Callable[[LogWorld, ChangeHistory], Awaitable[None]]) -> None:
    async def main() -> None:
        world = LogWorld(LogId(1), "Music")
        async with world.opened() as history:
            await world.begin()
            await world.define(FIRST)
            await scenario(world, history)

    asyncio.run(main())


def test_a_poll_at_the_end_reads_nothing() -> None:
    async def scenario(world: LogWorld, history: ChangeHistory) -> None:
        await world.write(1)
        _, cursor = await all_behind(history, world.shard(), await history.since(world.shard(), 0))
        world.log.starts.clear()
        for _ in range(5):
            found, cursor = await all_behind(history, world.shard(), cursor)
            assert found == []
        assert world.log.starts == []

    run(scenario)


def test_what_was_read_once_is_found_from_near_by() -> None:
    async def scenario(world: LogWorld, history: ChangeHistory) -> None:
        await world.write(*[1] * (4 * SPACING_MESSAGES))
        every, _ = await all_behind(history, world.shard(), await history.since(world.shard(), 0))
        wanted = every[3 * SPACING_MESSAGES]
        world.log.starts.clear()
        for cursor in (
            await history.at(world.shard(), wanted.place.point),
            await history.since(world.shard(), wanted.timestamp_us),
        ):
            page = await history.page(world.shard(), cursor, records_max=1, bytes_max=1)
            assert [record.place for record in page.records] == [wanted.place]
        assert min(world.log.starts) >= wanted.place.offset - NEAR_MESSAGES

    run(scenario)


def test_the_tip_of_a_log_that_a_view_follows_is_found_from_that_view() -> None:
    async def scenario(world: LogWorld, history: ChangeHistory) -> None:
        await world.write(*[1] * (2 * SPACING_MESSAGES))
        source = Source(world.log_id, world.table(None), None)
        for offset, data in enumerate(world.store.messages(world.log_id, Offset(0))):
            assert data.offset == offset
            source.skip(data)
        lane, _, _ = decode_state(source.progress.state)
        world.position = LogPosition(
            next_offset=source.next_offset,
            lanes={OWN_LANE: lane},
            timestamp_us=source.timestamp_us,
            definition=encode_table(world.table(FIRST)),
        )
        tip = await history.tip(world.shard())
        await world.write(1)
        found, _ = await all_behind(history, world.shard(), tip)
        assert names(found) == [2 * SPACING_MESSAGES]
        assert world.log.starts == [source.next_offset]

    run(scenario)


def test_a_long_search_is_spread_over_pages() -> None:
    async def scenario(world: LogWorld, history: ChangeHistory) -> None:
        quiet = LogMessage(Offset(0), world.writer.effects([]))
        await world.land(quiet.data, *[world.writer.effects([]) for _ in range(2 * MESSAGES_PER_PAGE)])
        await world.write(1)
        cursor: ShardCursor | None = await history.at(world.shard(), ChangePoint(Offset(2 * MESSAGES_PER_PAGE)))
        pages = []
        while cursor is not None and not any(pages):
            page = await history.page(world.shard(), cursor, records_max=10, bytes_max=1000)
            pages.append(names(list(page.records)))
            cursor = page.following
        assert pages == [[], [], [0]]

    run(scenario)
