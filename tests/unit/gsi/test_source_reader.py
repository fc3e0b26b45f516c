"""A source reader returns every message once and in order, whatever the consumer hands it."""

import asyncio
import random
from collections.abc import Sequence

from services.gsi.source_reader import REPEATED_MAX, UNREAD_BYTES_MAX, SourceReader
from stator.adapters.clock_manual import ManualClock
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage

SOURCE = LogId(7)


class Consumer:
    """Remembers what the reader asked of it."""

    def __init__(self, start: int) -> None:
        self.seeks: list[int] = []
        self.held_back: list[bool] = []
        self.refuse_seeks = 0
        self.clock = ManualClock()
        self.reader = SourceReader(
            SOURCE, Offset(start), self.clock, self._seek, lambda _, back: self.held_back.append(back)
        )

    async def _seek(self, _log_id: LogId, offset: Offset) -> bool:
        if self.refuse_seeks:
            self.refuse_seeks -= 1
            return False
        self.seeks.append(offset)
        return True

    def deliver(self, *offsets: int, size: int = 1) -> None:
        for offset in offsets:
            self.reader.deliver(LogMessage(Offset(offset), bytes(size)))

    async def run(self, seconds: float = 1.0) -> None:
        for _ in range(10):
            for _ in range(10):
                await asyncio.sleep(0)
            self.clock.advance(seconds / 10)

    async def read(self) -> list[int]:
        reading = asyncio.create_task(_offsets(self.reader))
        await self.run()
        if not reading.done():
            reading.cancel()
            return []
        return await reading


async def _offsets(reader: SourceReader) -> list[int]:
    messages: Sequence[LogMessage] = await reader.read()
    return [message.offset for message in messages]


def test_reader_seeks_before_it_waits_for_its_first_message() -> None:
    async def scenario() -> None:
        consumer = Consumer(5)
        assert await consumer.read() == []
        assert consumer.seeks == [5]
        consumer.deliver(5, 6)
        assert await consumer.read() == [5, 6]
        assert consumer.seeks == [5]

    asyncio.run(scenario())


def test_repeated_messages_are_passed_over_without_a_seek() -> None:
    async def scenario() -> None:
        consumer = Consumer(5)
        await consumer.read()
        consumer.deliver(3, 4, 5, 4, 5, 6)
        assert await consumer.read() == [5, 6]
        assert consumer.seeks == [5]

    asyncio.run(scenario())


def test_gap_is_closed_by_a_seek() -> None:
    async def scenario() -> None:
        consumer = Consumer(5)
        await consumer.read()
        consumer.deliver(5, 7)
        assert await consumer.read() == [5]
        assert await consumer.read() == []
        assert consumer.seeks == [5, 6]
        consumer.deliver(6, 7)
        assert await consumer.read() == [6, 7]

    asyncio.run(scenario())


def test_far_step_back_is_answered_by_a_seek() -> None:
    async def scenario() -> None:
        consumer = Consumer(REPEATED_MAX + 5)
        await consumer.read()
        consumer.deliver(0)
        assert await consumer.read() == []
        assert consumer.seeks == [REPEATED_MAX + 5, REPEATED_MAX + 5]

    asyncio.run(scenario())


def test_seek_that_was_refused_is_tried_again() -> None:
    async def scenario() -> None:
        consumer = Consumer(5)
        consumer.refuse_seeks = 2
        await consumer.read()
        assert consumer.seeks == [5]

    asyncio.run(scenario())


def test_consumer_is_held_back_while_too_much_is_unread() -> None:
    async def scenario() -> None:
        consumer = Consumer(0)
        consumer.deliver(0, 1, size=UNREAD_BYTES_MAX // 2)
        assert consumer.held_back == []
        consumer.deliver(2)
        assert consumer.held_back == [True]
        assert await consumer.read() == [0, 1, 2]
        assert consumer.held_back == [True, False]

    asyncio.run(scenario())


def test_nothing_is_lost_or_repeated_by_a_consumer_that_jumps_about() -> None:
    async def scenario() -> None:
        dice = random.Random(3)
        consumer = Consumer(0)
        log_end, place, got = 400, 0, list[int]()
        while len(got) < log_end:
            if dice.random() < 0.1:
                place = dice.randrange(log_end)
            for _ in range(dice.randrange(20)):
                if place < log_end:
                    consumer.deliver(place)
                    place += 1
            asked = len(consumer.seeks)
            got += await consumer.read()
            if len(consumer.seeks) > asked:
                place = consumer.seeks[-1]
            elif place == log_end:
                consumer.reader.lose_place()
        assert got == list(range(log_end))

    asyncio.run(scenario())
