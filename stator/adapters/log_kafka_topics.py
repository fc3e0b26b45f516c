"""The topics that are logs: their names, their creation and removal, their ends.

A topic is never created again under a name that was deleted: readers could not tell the two apart (protocol P5).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from stator.adapters.log_kafka_settings import ADMIN, CONNECTION, Settings, topic_settings
from stator.model.errors import LogError
from stator.model.positions import CATALOG_LOG, LEDGER_LOG, LogId, Offset
from stator.ports.clock import Clock

LOG_PREFIX = "stator.wal."
_NAMES = {CATALOG_LOG: "catalog", LEDGER_LOG: "ledger"}
_IDS = {name: log_id for log_id, name in _NAMES.items()}
_EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_REQUEST_TIMEOUT_S = 5.0
_CREATE_TIMEOUT_S = 30.0
_RETRY_S = 0.02


Asked = Mapping[TopicPartition, "Future[Any]"]
Ask = Callable[[Sequence[str]], Asked]


def log_topic(log_id: LogId, prefix: str = LOG_PREFIX) -> str:
    """The topic of a log."""
    return prefix + _NAMES.get(log_id, f"{log_id:08d}")


class KafkaTopics:
    """What is asked of the brokers about logs as a whole. Every method raises LogError when they do not answer."""

    def __init__(self, client: Settings, clock: Clock, *, prefix: str, replication: int, min_insync: int) -> None:
        self._admin = AdminClient({**CONNECTION, **ADMIN, **client})
        self._bootstrap = client["bootstrap.servers"]
        self._clock = clock
        self._prefix = prefix
        self._replication = replication
        self._settings = topic_settings(min_insync)

    def name(self, log_id: LogId) -> str:
        """The topic of a log."""
        return log_topic(log_id, self._prefix)

    async def reach(self, timeout_s: float) -> None:
        """Return when a broker answers; LogError when none does in time."""
        try:
            await self._topic_names(timeout_s)
        except KafkaException as error:
            raise LogError(f"Kafka is not reachable at {self._bootstrap} ({error.args[0].str()})") from error

    async def create(self, log_ids: Sequence[LogId]) -> None:
        """Make the topics that are missing and wait until the broker that leads each one knows that it does."""
        if not log_ids:
            return
        wanted = [
            NewTopic(self.name(log_id), num_partitions=1, replication_factor=self._replication, config=self._settings)
            for log_id in log_ids
        ]
        try:
            async with asyncio.timeout(_CREATE_TIMEOUT_S):
                outcomes = self._admin.create_topics(wanted, operation_timeout=_REQUEST_TIMEOUT_S)
                for topic, outcome in outcomes.items():
                    try:
                        await asyncio.wrap_future(outcome)
                    except KafkaException as error:
                        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                            raise LogError(f"{topic} was not created: {error.args[0].str()}") from error
                await self._settle([self.name(log_id) for log_id in log_ids])
        except TimeoutError as error:
            raise LogError(f"{len(log_ids)} logs were not ready within {_CREATE_TIMEOUT_S:.0f} s") from error

    async def _settle(self, topics: Sequence[str]) -> None:
        """A broker that can say where a topic ends has learnt that it leads it; CreateTopics promises less."""
        while topics:
            answers = await self._ask(topics, self._ask_end)
            topics = [topic for topic, answer in answers.items() if isinstance(answer, KafkaError)]
            if topics:
                await self._clock.sleep(_RETRY_S)

    async def delete(self, log_ids: Sequence[LogId]) -> None:
        """Remove topics; those that are gone are left so."""
        if not log_ids:
            return
        outcomes = self._admin.delete_topics([self.name(log_id) for log_id in log_ids])
        for topic, outcome in outcomes.items():
            try:
                await asyncio.wrap_future(outcome)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise LogError(f"{topic} was not deleted: {error.args[0].str()}") from error

    async def list(self) -> Sequence[LogId]:
        """The ids of all logs, ascending."""
        try:
            names = await self._topic_names(_REQUEST_TIMEOUT_S)
        except KafkaException as error:
            raise LogError(f"logs cannot be listed: {error.args[0].str()}") from error
        logs = [name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)]
        return sorted(_IDS[log] if log in _IDS else LogId(int(log)) for log in logs)

    async def _topic_names(self, timeout_s: float) -> Iterable[str]:
        metadata = await asyncio.get_running_loop().run_in_executor(
            None, lambda: self._admin.list_topics(timeout=timeout_s)
        )
        names: Iterable[str] = metadata.topics
        return names

    async def end(self, log_id: LogId) -> Offset:
        """The offset after the last replicated message, as the broker that believes to lead knows it."""
        return Offset((await self._ask_one(self.name(log_id), self._ask_end)).offset)

    async def start(self, log_id: LogId) -> Offset:
        """The first offset kept."""
        return Offset((await self._ask_one(self.name(log_id), self._ask_start)).offset)

    async def trim(self, log_id: LogId, before: Offset) -> None:
        """Make everything below `before` unreadable; disk is given back by whole segments, some time."""

        def ask(topics: Sequence[str]) -> Asked:
            places = [TopicPartition(topic, 0, before) for topic in topics]
            return self._admin.delete_records(places, request_timeout=_REQUEST_TIMEOUT_S)

        await self._ask_one(self.name(log_id), ask)

    async def absent(self, topics: AbstractSet[str]) -> set[str]:
        """Those that do not exist, as one broker has it. Empty when nobody answers."""
        if not topics:
            return set()
        asked = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=_REQUEST_TIMEOUT_S)
        absent = set()
        for topic, outcome in asked.items():
            try:
                await asyncio.wrap_future(outcome)
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    absent.add(topic)
        return absent

    def _ask_end(self, topics: Sequence[str]) -> Asked:
        return self._ask_offsets(topics, _LATEST)

    def _ask_start(self, topics: Sequence[str]) -> Asked:
        return self._ask_offsets(topics, _EARLIEST)

    def _ask_offsets(self, topics: Sequence[str], which: OffsetSpec) -> Asked:
        places = {TopicPartition(topic, 0): which for topic in topics}
        return self._admin.list_offsets(places, request_timeout=_REQUEST_TIMEOUT_S)

    async def _ask_one(self, topic: str, ask: Ask) -> Any:
        answer = (await self._ask([topic], ask))[topic]
        if isinstance(answer, KafkaError):
            raise LogError(f"{topic} does not answer: {answer.str()}")
        return answer

    async def _ask(self, topics: Sequence[str], ask: Ask) -> dict[str, Any]:
        """Ask the leaders of topics, and once more where that failed, with fresh metadata.

        librdkafka's admin calls go by what it remembers: that it knew no leader, or one of an older epoch ("Leader epoch is older
        than broker epoch", for ever, once leadership has moved). Listing all topics makes it learn.
        """
        answers = await _answers(ask(topics))
        failed = [topic for topic, answer in answers.items() if isinstance(answer, KafkaError)]
        if failed:
            await self.list()
            answers |= await _answers(ask(failed))
        return answers


async def _answers(asked: Asked) -> dict[str, Any]:
    """By topic: what the broker said, or the KafkaError."""
    answers: dict[str, Any] = {}
    for place, outcome in asked.items():
        try:
            answers[place.topic] = await asyncio.wrap_future(outcome)
        except KafkaException as error:
            answers[place.topic] = error.args[0]
    return answers
