"""The log on real brokers: the contract, and what only Kafka can do to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count

import pytest
from confluent_kafka import KafkaError

from stator.adapters.clock_system import SystemClock
from stator.adapters.log_kafka import KafkaLog
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.log import Log
from tests.contracts.log_contract import LogContract, appended, offsets_of, read_exactly
from tests.servers import KafkaBrokers

pytestmark = pytest.mark.kafka

_ids = count(1000, 1000)
"""Ids are never used again: Kafka deletes later."""


@asynccontextmanager
async def connected(bootstrap: str, *, timeout_s: float = 10.0) -> AsyncIterator[KafkaLog]:
    log = await KafkaLog.connect(bootstrap, SystemClock(), timeout_s=timeout_s, look_s=0.3)
    try:
        yield log
    finally:
        await log.close()


def run(kafka: KafkaBrokers, scenario: Callable[[KafkaLog, LogId], Awaitable[None]]) -> None:
    """One scenario with a log of its own, number `LogId`; the next 100 ids are free."""

    async def main() -> None:
        async with asyncio.timeout(60), connected(kafka.bootstrap) as log:
            log_id = LogId(next(_ids))
            await log.create([log_id])
            await scenario(log, log_id)

    asyncio.run(main())


class TestKafkaLog(LogContract):
    wait_s = 60.0

    @pytest.fixture(autouse=True)
    def _brokers(self, kafka: KafkaBrokers) -> None:
        self.bootstrap = kafka.bootstrap
        self.first_id = next(_ids)

    def opened(self) -> AbstractAsyncContextManager[Log]:
        return connected(self.bootstrap)

    def test_a_reader_ahead_of_the_end_waits_for_its_offset(self) -> None:
        """Not here: a replicated log that is shorter than a position folded from it has lost messages, which is no
        reason to wait (protocol R2).
        """

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                reader = log.read(log_id, Offset(1))
                with pytest.raises(LogError):
                    await reader.read()
                reader.close()

        self.run(scenario)

    def test_logs_are_listed_in_ascending_order_until_they_are_deleted(self) -> None:
        """Soon: each broker learns of it in its own time, and any may be asked."""

        async def scenario(log: Log) -> None:
            async def comes_to_list(expected: list[LogId]) -> None:
                while [log_id for log_id in await log.list() if log_id in ids] != expected:  # noqa: ASYNC110 brokers do not tell
                    await asyncio.sleep(0.01)

            ids = [LogId(self.first_id + number) for number in (2, 0, 1)]
            await log.create(ids)
            await comes_to_list(sorted(ids))
            await log.delete(ids[:1])
            await comes_to_list(sorted(ids[1:]))

        self.run(scenario)


def test_nobody_listens_is_one_line_within_the_time_given() -> None:
    async def main() -> None:
        with pytest.raises(LogError, match=r"^Kafka is not reachable at 127\.0\.0\.1:1 \([^\n]*\)$"):
            async with asyncio.timeout(5), connected("127.0.0.1:1", timeout_s=0.5):
                pass

    asyncio.run(main())


def test_fifty_logs_made_in_one_call_take_appends_and_readers_at_once(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, first: LogId) -> None:
        ids = [LogId(first + number) for number in range(1, 51)]
        await log.create(ids)
        readers = [log.read(log_id, Offset(0)) for log_id in ids]
        outcomes = await asyncio.gather(*[appended(log, log_id, b"%d" % log_id) for log_id in ids])
        assert outcomes == [(0, None)] * 50
        for log_id, reader in zip(ids, readers, strict=True):
            [message] = await reader.read()
            assert message.data == b"%d" % log_id
        await log.delete(ids)

    run(kafka, scenario)


def test_readers_of_a_log_that_another_process_deleted_fail_and_no_others(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, kept: LogId) -> None:
        gone = LogId(kept + 1)
        await log.create([gone])
        keeping = [asyncio.ensure_future(log.read(kept, Offset(0)).read()) for _ in range(2)]
        losing = [asyncio.ensure_future(log.read(gone, Offset(0)).read()) for _ in range(2)]
        async with connected(kafka.bootstrap) as other:
            await other.delete([gone])
        for read in losing:
            with pytest.raises(LogError, match="does not exist"):
                await read
        await offsets_of(log, kept, [b"a"])
        assert [(await read)[0].data for read in keeping] == [b"a", b"a"]

    run(kafka, scenario)


def test_a_log_made_by_another_process_is_usable_at_once(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, first: LogId) -> None:
        other_id = LogId(first + 1)
        with pytest.raises(LogError):  # so that its absence is remembered, wrongly
            await log.end(other_id)
        async with connected(kafka.bootstrap) as other:
            await other.create([other_id])
        assert await log.end(other_id) == 0
        assert await offsets_of(log, other_id, [b"a"]) == [0]

    run(kafka, scenario)


def test_a_dead_broker_delays_appends_and_loses_none(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, first: LogId) -> None:
        ids = [LogId(first + number) for number in range(6)]  # every broker leads some
        await log.create(ids)
        readers = {log_id: log.read(log_id, Offset(0)) for log_id in ids}
        reported = {log_id: await offsets_of(log, log_id, [b"before"]) for log_id in ids}
        kafka.kill(1)
        outcomes = await asyncio.gather(*[appended(log, log_id, b"after") for log_id in ids])
        for log_id, (offset, error) in zip(ids, outcomes, strict=True):
            assert error is None
            assert reported[log_id] == [0]
            assert offset == 1
            messages = await read_exactly(readers[log_id], 2)
            assert [message.data for message in messages] == [b"before", b"after"]

    run(kafka, scenario)


def test_a_producer_that_can_not_go_on_is_replaced_and_leaves_no_append_unreported(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, log_id: LogId) -> None:
        await offsets_of(log, log_id, [b"first"])
        appender = log._appenders[log_id % len(log._appenders)]
        broken = appender._producer
        in_flight = [appended(log, log_id, b"%d" % number) for number in range(200)]
        appender._note(KafkaError(KafkaError._FATAL, "sequence desynchronised", fatal=True))
        outcomes = await asyncio.gather(*in_flight)
        assert appender._producer is not broken
        offset, error = await appended(log, log_id, b"last")
        assert error is None
        assert offset is not None
        reader = log.read(log_id, Offset(0))
        messages = {message.offset: message.data for message in await read_exactly(reader, offset + 1)}
        for number, (landed, unknown) in enumerate(outcomes):
            assert (landed is None) == (unknown is not None)
            if landed is not None:
                assert messages[landed] == b"%d" % number

    run(kafka, scenario)


def test_a_paused_reader_gets_every_message_once(kafka: KafkaBrokers) -> None:
    """It reads so little that its log is paused again and again."""

    async def scenario(log: KafkaLog, log_id: LogId) -> None:
        block = bytes(1 << 19)
        await offsets_of(log, log_id, [b"%03d" % number + block for number in range(100)])
        reader = log.read(log_id, Offset(0))
        seen: list[bytes] = []
        while len(seen) < 100:
            seen += [message.data[:3] for message in await reader.read()]
            await asyncio.sleep(0.1)
        assert seen == [b"%03d" % number for number in range(100)]

    run(kafka, scenario)


def test_a_reader_closed_and_opened_again_elsewhere_starts_there(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, log_id: LogId) -> None:
        await offsets_of(log, log_id, [b"%d" % number for number in range(10)])
        for start in (0, 7, 3, 9, 0):
            reader = log.read(log_id, Offset(start))
            first = (await reader.read())[0]
            assert (first.offset, first.data) == (start, b"%d" % start)
            reader.close()

    run(kafka, scenario)


def test_the_catalog_has_a_topic_of_its_own_name(kafka: KafkaBrokers) -> None:
    async def scenario(log: KafkaLog, _: LogId) -> None:
        await log.create([LogId(0)])
        assert (await log.list())[0] == 0
        assert log._topics.name(LogId(0)) == "stator.wal.catalog"
        assert log._topics.name(LogId(42)) == "stator.wal.00000042"

    run(kafka, scenario)


def test_where_a_log_ends_is_known_again_after_its_leadership_has_moved_to_and_fro(kafka: KafkaBrokers) -> None:
    """The admin client goes by the leader epoch that it remembers, and the broker refuses an older one for ever."""

    async def scenario(log: KafkaLog, log_id: LogId) -> None:
        logs = [LogId(log_id + number) for number in range(12)]
        await log.create(logs)
        for broker in (1, 2):
            kafka.kill(broker)
            await asyncio.gather(*(appended(log, each, b"x") for each in logs))
            kafka.start(broker)
            deadline = asyncio.get_running_loop().time() + 15
            waiting = list(logs)
            while waiting:
                assert asyncio.get_running_loop().time() < deadline, f"still not known: {waiting}"
                answers = await asyncio.gather(*(log.end(each) for each in waiting), return_exceptions=True)
                waiting = [each for each, answer in zip(waiting, answers, strict=True) if isinstance(answer, LogError)]
                await asyncio.sleep(0.2)

    run(kafka, scenario)
