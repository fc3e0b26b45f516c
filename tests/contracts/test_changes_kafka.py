"""The change-topic contract on three real brokers."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from stator.adapters.changes_kafka import KafkaChanges
from stator.adapters.clock_system import SystemClock
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.log_kafka_topics import log_topic
from stator.model.changes import ChangeMessage
from stator.model.positions import LogId
from stator.ports.changes import Changes
from tests.contracts.changes_contract import ChangesContract
from tests.servers import KafkaBrokers

_fresh = count(1)
_PREFIX = "contract.changes.wal."


@pytest.mark.kafka
class TestKafkaChanges(ChangesContract):
    @pytest.fixture(autouse=True)
    def _brokers(self, kafka: KafkaBrokers) -> None:
        number = next(_fresh)
        self.bootstrap = kafka.bootstrap
        self.topic = f"contract.changes.{number}"
        self.one, self.other = LogId(2 * number), LogId(2 * number + 1)

    @asynccontextmanager
    async def opened(self, logs: Sequence[LogId]) -> AsyncIterator[Changes]:
        clock = SystemClock()
        log = await KafkaLog.connect(self.bootstrap, clock, prefix=_PREFIX)
        await log.create(logs)
        changes = await KafkaChanges.connect(
            self.bootstrap, clock, source_topic=lambda log_id: log_topic(log_id, _PREFIX), group="contract.streams"
        )
        yield changes
        await changes.close()
        await log.close()

    async def visible(self, topic: str, partition: int) -> list[ChangeMessage]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reads-all",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        consumer.assign([TopicPartition(topic, partition, 0)])
        found: list[ChangeMessage] = []
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                consumer.close()
                return found
            found.append(
                ChangeMessage(
                    topic,
                    partition,
                    message.key() or b"",
                    message.value() or b"",
                    tuple((name, value or b"") for name, value in message.headers() or []),
                )
            )
        pytest.fail(f"{topic} has no end")
