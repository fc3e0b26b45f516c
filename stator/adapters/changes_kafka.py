"""Change topics on Kafka: one transactional producer per source log (`ports/changes.py` says what that promises).

The progress is the source topic's committed offset in one consumer group, committed by the same transaction as the
messages. So it outlives the retention of the change topic, and Kafka's own tools show how far each stream lags.

Not to break: opening goes init_transactions, then committed. The first ends whatever the log's previous producer had
begun, the second (read_committed, which waits for pending transactions) can then only see what is decided.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from stator.adapters.log_kafka_settings import ADMIN, BATCH_BYTES_MAX, CONNECTION, PRODUCER, Settings
from stator.model.changes import ChangeMessage, ChangeProgress
from stator.model.errors import StartupError
from stator.model.positions import LogId, Offset
from stator.ports.changes import STATE_BYTES_MAX, ChangesError, ChangesFencedError
from stator.ports.clock import Clock

_CALL_TIMEOUT_S = 15.0
"""How long one step of a transaction may take: longer than a broker failover, and than what a transaction may stay open."""
_TRANSACTION_TIMEOUT_MS = 10_000
"""After this long Kafka ends a transaction whose process has died; until then consumers wait before it."""
_REQUEST_TIMEOUT_S = 5.0
_RETRY_S = 0.02
_RETENTION_MS = 7 * 24 * 3600 * 1000

_FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001 that is how librdkafka names its own errors
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]

Result = TypeVar("Result")


class KafkaChangeAppender:
    """One producer, whose transactional id is the log's. Its calls block, so each runs in the pool of its `KafkaChanges`."""

    def __init__(self, producer: Producer, place: TopicPartition, group: object, pool: ThreadPoolExecutor) -> None:
        self.progress: ChangeProgress | None = None
        if place.offset >= 0:
            self.progress = ChangeProgress(Offset(place.offset), place.metadata or "")
        self._producer = producer
        self._source_topic = place.topic
        self._group = group
        self._pool = pool
        self._busy = Lock()

    async def append(self, messages: Sequence[ChangeMessage], progress: ChangeProgress) -> None:
        """See `ChangeAppender.append`."""
        if len(progress.state.encode()) > STATE_BYTES_MAX:
            raise ChangesError(f"a state has at most {STATE_BYTES_MAX} bytes")
        await _blocking(self._pool, lambda: self._transact(messages, progress))

    async def close(self) -> None:
        """See `ChangeAppender.close`."""
        await _blocking(self._pool, self._abandon)

    def _transact(self, messages: Sequence[ChangeMessage], progress: ChangeProgress) -> None:
        done = TopicPartition(self._source_topic, 0, progress.next_offset, progress.state)
        with self._busy:
            self._producer.begin_transaction()
            for message in messages:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    message.partition,
                    headers=list(message.headers),
                )
            self._producer.send_offsets_to_transaction([done], self._group, _CALL_TIMEOUT_S)
            self._producer.commit_transaction(_CALL_TIMEOUT_S)

    def _abandon(self) -> None:
        # A cancelled append goes on in its thread, so wait for it. A fenced producer says so once more when it is closed.
        with self._busy, suppress(KafkaException):
            self._producer.purge()
            self._producer.close()


class KafkaChanges:
    """All change topics of one deployment. Make it with `connect`."""

    def __init__(
        self,
        client: Settings,
        clock: Clock,
        source_topic: Callable[[LogId], str],
        *,
        group: str,
        replication: int,
        min_insync: int,
        threads: int,
    ) -> None:
        self._client = client
        self._clock = clock
        self._source_topic = source_topic
        self._group = group
        self._replication = replication
        self._min_insync = min_insync
        self._admin = AdminClient({**CONNECTION, **ADMIN, **client})
        self._pool = ThreadPoolExecutor(threads, "kafka-changes")
        self._committed = Consumer(
            {
                **CONNECTION,
                **client,
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )

    @classmethod
    async def connect(
        cls,
        bootstrap: str,
        clock: Clock,
        *,
        source_topic: Callable[[LogId], str],
        group: str = "stator.streams",
        replication: int = 3,
        min_insync: int = 2,
        threads: int = 8,
        timeout_s: float = 10.0,
        client: Settings | None = None,
    ) -> Self:
        """Find the brokers at `bootstrap` ("host:port,host:port").

        `source_topic` names the topic of a log; `threads` is how many transactions may be under way at once; `client` adds
        librdkafka settings to every client. Raises StartupError when no broker answers within `timeout_s`.
        """
        changes = cls(
            {**(client or {}), "bootstrap.servers": bootstrap},
            clock,
            source_topic,
            group=group,
            replication=replication,
            min_insync=min_insync,
            threads=threads,
        )
        try:
            await _blocking(changes._pool, lambda: changes._admin.list_topics(timeout=timeout_s))
        except ChangesError as error:
            await changes.close()
            raise StartupError(f"Kafka is not reachable at {bootstrap} ({error})") from error
        return changes

    async def create(self, topic: str, partitions: int) -> None:
        """See `Changes.create`."""
        wanted = NewTopic(
            topic,
            num_partitions=partitions,
            replication_factor=self._replication,
            config={
                "cleanup.policy": "delete",
                "retention.ms": str(_RETENTION_MS),
                "min.insync.replicas": str(self._min_insync),
                "unclean.leader.election.enable": "false",
                "max.message.bytes": str(BATCH_BYTES_MAX),
                # Retention counts from publication: a stream that comes late, or catches up, is kept as long as any.
                "message.timestamp.type": "LogAppendTime",
            },
        )
        (outcome,) = self._admin.create_topics([wanted], operation_timeout=_REQUEST_TIMEOUT_S).values()
        try:
            await asyncio.wrap_future(outcome)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ChangesError(f"{topic} was not created: {error.args[0].str()}") from error
        for partition in range(partitions):
            await self._settle(TopicPartition(topic, partition))

    async def _settle(self, place: TopicPartition) -> None:
        """A broker that can say where a partition ends has learnt that it leads it; CreateTopics promises less.

        Asking for an offset never refreshes what the client believes about a topic without leaders, so we do.
        """
        try:
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                while True:
                    try:
                        await self._offset(place)
                    except ChangesError:
                        await self._clock.sleep(_RETRY_S)
                        await self._refresh(place.topic)
                    else:
                        return
        except TimeoutError as error:
            raise ChangesError(f"{place.topic} was not ready within {_CALL_TIMEOUT_S:.0f} s") from error

    async def _refresh(self, topic: str) -> None:
        await _blocking(self._pool, lambda: self._admin.list_topics(topic, _REQUEST_TIMEOUT_S))

    async def untouched(self, topic: str, partition: int) -> bool:
        """See `Changes.untouched`. Offsets count for ever, also those of messages that are gone."""
        return await self._offset(TopicPartition(topic, partition)) == 0

    async def _offset(self, place: TopicPartition) -> int:
        asked = self._admin.list_offsets({place: _LATEST}, request_timeout=_REQUEST_TIMEOUT_S)
        try:
            answer = await asyncio.wrap_future(asked[place])
        except KafkaException as error:
            raise ChangesError(f"{place.topic} does not tell its offsets: {error.args[0].str()}") from error
        return int(answer.offset)

    async def open(self, log_id: LogId) -> KafkaChangeAppender:
        """See `Changes.open`."""
        return await _blocking(self._pool, lambda: self._open(log_id))

    def _open(self, log_id: LogId) -> KafkaChangeAppender:
        producer = Producer(
            {
                **CONNECTION,
                **PRODUCER,
                "transactional.id": f"{self._group}.{log_id}",
                "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
                "message.timeout.ms": _TRANSACTION_TIMEOUT_MS,
                "linger.ms": 5,
                **self._client,
            }
        )
        try:
            producer.init_transactions(_CALL_TIMEOUT_S)
            (place,) = self._committed.committed(
                [TopicPartition(self._source_topic(log_id), 0)], timeout=_CALL_TIMEOUT_S
            )
        except KafkaException:
            producer.close()
            raise
        return KafkaChangeAppender(producer, place, self._committed.consumer_group_metadata(), self._pool)

    async def close(self) -> None:
        """See `Changes.close`."""
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        self._committed.close()


async def _blocking(pool: ThreadPoolExecutor, call: Callable[[], Result]) -> Result:
    """Run a blocking call in the pool; what librdkafka raises becomes what the port promises."""
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, call)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        kind = ChangesFencedError if reason.code() in _FENCED else ChangesError
        raise kind(reason.str()) from error
    except BufferError as error:
        raise ChangesError("more messages than the producer can hold") from error
