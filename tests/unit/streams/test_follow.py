"""The publisher of one log on memory adapters: every change once and in order, whoever dies when."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from random import Random

import pytest
from structlog.testing import capture_logs

from services.streams.follow import QUIET_MESSAGES_MAX, RECORDS_PER_APPEND, Follower
from stator.adapters.changes_memory import MemoryChanges, MemoryChangeStore
from stator.adapters.clock_manual import ManualClock
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.codec.change_topics import decode_change, decode_state, topic_name
from stator.model.changes import ChangeMessage, ChangeProgress
from stator.model.positions import LogId
from stator.model.records import Effect
from stator.model.tables import Stream, Table
from stator.ports.changes import ChangesError
from tests.unit.streams.writing import LogWriter, effect, random_effects, table

ONE = LogId(1)
STREAM = Stream("NEW_AND_OLD_IMAGES", "2026-11-21T08:00:00.000")
AGAIN = Stream("KEYS_ONLY", "2026-11-21T09:00:00.000")
STREAMED = table(1, stream=STREAM)
TOPIC = topic_name("Music", STREAM.label)


class Deployment:
    """A log with a writer, the topics, and processes that may publish it."""

    def __init__(self) -> None:
        self.logs = MemoryLogStore()
        self.topics = MemoryChangeStore()
        self.writer = LogWriter(ONE)
        self.clock = ManualClock()
        self.logs.create(ONE)
        self.write(self.writer.claim())

    def write(self, *messages: bytes) -> None:
        for message in messages:
            self.logs.land(ONE, message)

    def start(self, changes: MemoryChanges | None = None, of: Table = STREAMED) -> "asyncio.Task[None]":
        log = MemoryLog(self.logs)
        ids = SeededIds(Random(1))
        follower = Follower(log, changes or MemoryChanges(self.topics), self.clock, ids, of, 0)
        return asyncio.create_task(follower.run())

    async def settle(self) -> None:
        """Let everybody go on until all wait for the log, whatever they sleep for on the way."""
        for _ in range(60):
            for _ in range(20):
                await asyncio.sleep(0)
            if self.clock.next_wake() is None:
                return
            self.clock.advance(10)

    async def publish(self, changes: MemoryChanges | None = None) -> None:
        """One process, from start to a standstill to its end."""
        task = self.start(changes)
        await self.settle()
        task.cancel()
        await asyncio.wait([task])

    def published(self, topic: str = TOPIC) -> list[tuple[str | None, str | None]]:
        records = [decode_change(message.value) for message in self.topics.partition(topic, 0)]
        return [(record["before"], record["after"]) for record in records]


def expected(effects: Sequence[Effect]) -> list[tuple[str | None, str | None]]:
    return [(old and old.decode(), new and new.decode()) for old, new in ((e.old, e.new) for e in effects)]


def test_a_followed_log_is_published_in_order() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 30))
        one.write(one.writer.define(STREAMED), *(one.writer.effects(effects[n : n + 3]) for n in range(0, 30, 3)))
        await one.publish()
        assert one.published() == expected(effects)

    asyncio.run(scenario())


def test_what_a_fenced_writer_left_in_the_log_is_not_published() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 4))
        one.write(one.writer.define(STREAMED), one.writer.effects(effects[:2]), one.writer.claim())
        one.write(one.writer.stale([effect(None, {"Id": {"S": "late"}})]), one.writer.effects(effects[2:]))
        await one.publish()
        assert one.published() == expected(effects)

    asyncio.run(scenario())


def test_of_a_transaction_the_commit_is_published_once() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 4))
        one.write(one.writer.define(STREAMED), one.writer.effects(effects[:1]), *one.writer.transaction(effects[1:]))
        await one.publish()
        assert one.published() == expected(effects)

    asyncio.run(scenario())


def test_a_restored_tables_first_items_are_no_changes() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 2))
        one.write(one.writer.base(), one.writer.define(STREAMED), one.writer.effects(effects))
        await one.publish()
        assert one.published() == expected(effects)

    asyncio.run(scenario())


def test_a_stream_begins_and_ends_where_the_log_says_so() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 40), 5))
        definitions = [table(1), STREAMED, table(1), table(1, stream=AGAIN), STREAMED.evolve(stream=AGAIN)]
        for definition, change in zip(definitions, effects, strict=True):
            one.write(one.writer.define(definition), one.writer.effects([change]))
        await one.publish()
        assert one.published() == expected(effects[1:2])
        assert one.published(topic_name("Music", AGAIN.label)) == [(None, None)] * 2

    asyncio.run(scenario())


def test_the_topic_of_a_stream_is_there_before_its_first_change() -> None:
    async def scenario() -> None:
        one = Deployment()
        one.write(one.writer.define(STREAMED))
        await one.publish()
        assert one.published() == []

    asyncio.run(scenario())


class FaultyChanges(MemoryChanges):
    """Loses appends, or the reports of appends that took place; says how large they were."""

    def __init__(self, store: MemoryChangeStore, dice: Random, faults: float) -> None:
        super().__init__(store)
        self.sizes: list[int] = []
        self._dice = dice
        self._faults = faults

    async def commit(
        self, log_id: LogId, generation: int, messages: Sequence[ChangeMessage], progress: ChangeProgress
    ) -> None:
        for _ in range(self._dice.randrange(4)):
            await asyncio.sleep(0)
        fault = self._dice.random() < self._faults
        if fault and self._dice.random() < 0.5:
            raise ChangesError("lost")
        await super().commit(log_id, generation, messages, progress)
        self.sizes.append(len(messages))
        if fault:
            raise ChangesError("the report was lost")


@pytest.mark.parametrize("seed", range(40))
def test_every_change_is_published_once_whoever_dies_when(seed: int) -> None:
    """Several processes at once fence each other, are killed and started, and their appends get lost or seem so."""

    async def scenario() -> None:
        dice = Random(seed)
        one = Deployment()
        one.write(one.writer.define(STREAMED))
        history = random_effects(dice, 5)
        written: list[Effect] = []
        running: list[tuple[FaultyChanges, asyncio.Task[None]]] = []
        for _ in range(60):
            batch = list(islice(history, dice.randrange(1, 6)))
            written += batch
            one.write(one.writer.effects(batch))
            if dice.random() < 0.1:
                one.write(one.writer.claim(), one.writer.stale([effect(None, {"Id": {"S": "late"}})]))
            if dice.random() < 0.2:
                changes = FaultyChanges(one.topics, dice, 0.2)
                running.append((changes, one.start(changes)))
            if running and dice.random() < 0.2:
                changes, task = running.pop(dice.randrange(len(running)))
                changes.kill()
                task.cancel()
            for _ in range(dice.randrange(30)):
                await asyncio.sleep(0)
            one.clock.advance(dice.random())
        for _, task in running:
            task.cancel()
        await one.publish()
        assert one.published() == expected(written)

    asyncio.run(scenario())


def test_a_restart_does_not_read_what_is_published() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 6))
        one.write(one.writer.define(STREAMED), one.writer.effects(effects[:3]))
        await one.publish()
        one.logs.trim(ONE, one.logs.end(ONE))
        one.write(one.writer.effects(effects[3:]))
        await one.publish()
        assert one.published() == expected(effects)

    asyncio.run(scenario())


def test_an_append_is_cut_between_log_messages() -> None:
    async def scenario() -> None:
        one = Deployment()
        per_message = RECORDS_PER_APPEND // 2 + 1
        history = random_effects(Random(5), 4)
        one.write(one.writer.define(STREAMED))
        for _ in range(4):
            one.write(one.writer.effects(list(islice(history, per_message))))
        changes = FaultyChanges(one.topics, Random(1), 0)
        await one.publish(changes)
        assert changes.sizes == [0, 2 * per_message, 2 * per_message]

    asyncio.run(scenario())


def test_progress_is_made_on_a_log_without_changes() -> None:
    async def scenario() -> None:
        one = Deployment()
        one.write(one.writer.define(STREAMED), *(one.writer.effects([]) for _ in range(QUIET_MESSAGES_MAX)))
        await one.publish()
        progress = one.topics.publisher(ONE).progress
        assert progress is not None
        assert progress.next_offset == one.logs.end(ONE)
        assert decode_state(progress.state)[1] == STREAM

    asyncio.run(scenario())


def test_a_stream_whose_progress_was_lost_is_left_alone_until_a_new_one_is_switched_on() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 4))
        one.write(one.writer.define(STREAMED), one.writer.effects(effects[:1]))
        await one.publish()
        one.topics.publisher(ONE).progress = None
        one.write(one.writer.effects(effects[1:2]))
        with capture_logs() as lines:
            await one.publish()
        one.write(one.writer.define(STREAMED), one.writer.effects(effects[2:3]))
        await one.publish()
        assert one.published() == expected(effects[:1])
        assert [line["log_level"] for line in lines if line["event"] == "stream_progress_lost"] == ["error"]
        one.write(one.writer.define(table(1, stream=AGAIN)), one.writer.effects(effects[3:]))
        await one.publish()
        assert len(one.published(topic_name("Music", AGAIN.label))) == 1

    asyncio.run(scenario())


def test_a_log_that_does_not_check_is_published_up_to_there_and_no_further() -> None:
    async def scenario() -> None:
        one = Deployment()
        effects = list(islice(random_effects(Random(5), 4), 2))
        one.write(one.writer.define(STREAMED), one.writer.effects(effects[:1]))
        one.write(b"no record at all", one.writer.effects(effects[1:]))
        with capture_logs() as lines:
            task = one.start()
            await one.settle()
        assert task.done()
        assert one.published() == expected(effects[:1])
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["stream_halted"]

    asyncio.run(scenario())
