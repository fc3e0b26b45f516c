"""The change-history contract over change topics on three real brokers, written by a real publisher."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient

from services.streams.follow import Follower
from stator.adapters.change_history_kafka import KafkaChangeHistory
from stator.adapters.change_topic_ends import TopicEnds
from stator.adapters.changes_kafka import KafkaChanges
from stator.adapters.clock_system import SystemClock
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.log_kafka_topics import log_topic
from stator.codec.change_topics import topic_name
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.change_history import ChangeHistory, ChangesTrimmedError
from tests.contracts.change_history_contract import FIRST, SECOND, ChangeHistoryContract, World, all_behind
from tests.servers import KafkaBrokers

PREFIX = "contract.history.wal."
GROUP = "contract.history"


def source_topic(log_id: LogId) -> str:
    return log_topic(log_id, PREFIX)


class TopicWorld(World):
    def __init__(self, bootstrap: str, log: KafkaLog, changes: KafkaChanges, log_id: LogId, name: str) -> None:
        super().__init__(log_id, name)
        self.bootstrap = bootstrap
        self._log = log
        client = {"bootstrap.servers": bootstrap}
        self._shown = TopicEnds(client, SystemClock(), IsolationLevel.READ_COMMITTED)
        self._written = TopicEnds(client, SystemClock(), IsolationLevel.READ_UNCOMMITTED)
        self.publisher = Follower(log, changes, SystemClock(), SeededIds(Random(log_id)), self.table(None), 0)

    async def land(self, *messages: bytes) -> None:
        landed = [asyncio.get_running_loop().create_future() for _ in messages]
        for message, future in zip(messages, landed, strict=True):

            def report(
                offset: Offset | None, error: LogError | None, future: "asyncio.Future[object]" = future
            ) -> None:
                future.set_result((offset, error))

            self._log.append(self.log_id, message, report)
        assert all(error is None for _, error in await asyncio.gather(*landed))

    async def caught_up(self) -> None:
        """Published, and shown: a commit is answered before all partitions are marked."""
        end = await self._log.end(self.log_id)
        while self.publisher.place.next_offset < end:  # noqa: ASYNC110 the publisher tells nobody
            await asyncio.sleep(0.02)
        for stream in (FIRST, SECOND):
            place = topic_name(self.name, stream.label), 0
            while await self._shown.end(place) != await self._written.end(place):  # noqa: ASYNC110 likewise
                await asyncio.sleep(0.02)

    def forget(self, before: int) -> None:
        """Drop the first messages of the topic, as its retention does."""
        place = TopicPartition(topic_name(self.name, FIRST.label), 0, before)
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.delete_records([place])[place].result(timeout=30)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ChangeHistory]:
        history = await KafkaChangeHistory.connect(
            self.bootstrap, self._log, SystemClock(), source_topic=source_topic, group=GROUP
        )
        try:
            yield history
        finally:
            await history.close()


@pytest.mark.kafka
class TestKafkaChangeHistory(ChangeHistoryContract):
    @pytest.fixture(autouse=True)
    def _brokers(self, kafka: KafkaBrokers) -> None:
        self.kafka = kafka

    @asynccontextmanager
    async def world(self, number: int) -> AsyncIterator[TopicWorld]:
        log_id, clock = LogId(number), SystemClock()
        log = await KafkaLog.connect(self.kafka.bootstrap, clock, prefix=PREFIX)
        await log.create([log_id])
        changes = await KafkaChanges.connect(self.kafka.bootstrap, clock, source_topic=source_topic, group=GROUP)
        world = TopicWorld(self.kafka.bootstrap, log, changes, log_id, f"History{number}")
        publishing = asyncio.create_task(world.publisher.run())
        try:
            yield world
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
            await changes.close()
            await log.close()

    def test_what_the_topic_has_dropped_is_told_and_not_passed_over(self) -> None:
        async def scenario(world: TopicWorld, history: ChangeHistory) -> None:
            await world.define(FIRST)
            await world.write(1)
            await world.write(1)
            await world.write(1)
            shard = world.shard()
            begin = await history.since(shard, 0)
            (lost, kept, last), tip = await all_behind(history, shard, begin)
            world.forget(before=2)  # a change and its transaction's mark
            with pytest.raises(ChangesTrimmedError):
                await history.at(shard, lost.place.point)
            with pytest.raises(ChangesTrimmedError):
                await history.page(shard, begin, records_max=1, bytes_max=1)
            for cursor in (await history.at(shard, kept.place.point), await history.since(shard, 0)):
                found, _ = await all_behind(history, shard, cursor)
                assert [record.place for record in found] == [kept.place, last.place]
            assert (await all_behind(history, shard, tip))[0] == []

        self.run(scenario)
