"""Where change topics end, asked for many places at once.

Consumers poll idle shards by the thousand. All that ask within a few milliseconds share one request to the brokers, so a
poll that finds nothing costs no fetch and no seek.
"""

import asyncio
from collections.abc import Collection
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from stator.adapters.change_topic_readers import Place
from stator.adapters.log_kafka_settings import ADMIN, CONNECTION, Settings
from stator.ports.change_history import HistoryUnavailableError
from stator.ports.clock import Clock

GATHER_S = 0.004
_REQUEST_TIMEOUT_S = 5.0
_PATIENCE_S = 3.0
"""How long a place is asked for again: longer than Kafka needs to spread the word of a new topic or leader."""
_RETRY_S = 0.05
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]

Waiting = dict[Place, "asyncio.Future[int | None]"]


class TopicEnds:
    """Ends as consumers of some isolation level see them: with READ_COMMITTED, before the first transaction under way."""

    def __init__(self, client: Settings, clock: Clock, isolation: IsolationLevel) -> None:
        self._admin = AdminClient({**CONNECTION, **ADMIN, **client})
        self._clock = clock
        self._isolation = isolation
        self._waiting: Waiting = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def end(self, place: Place) -> int | None:
        """The offset that the next message may get; None while there is no such topic. Raises HistoryUnavailableError."""
        if not self._waiting:
            task = asyncio.create_task(self._gather())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        if place not in self._waiting:
            self._waiting[place] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._waiting[place])

    async def reach(self, timeout_s: float) -> None:
        """Return once a broker answers. Raises HistoryUnavailableError."""
        try:
            await self._learn(timeout_s)
        except KafkaException as error:
            raise HistoryUnavailableError(error.args[0].str()) from error

    async def _gather(self) -> None:
        await self._clock.sleep(GATHER_S)
        waiting, self._waiting = self._waiting, {}
        answers = await self._ask(waiting)
        deadline, pause_s = self._clock.monotonic() + _PATIENCE_S, 0.0
        while failed := {place for place, answer in answers.items() if isinstance(answer, KafkaError)}:
            for place in waiting.keys() - failed:
                _settle(waiting[place], place, answers[place])
            if self._clock.monotonic() > deadline:
                break
            # Admin calls go by what librdkafka remembers of leaders, and one unknown topic fails them all. Listing all topics
            # makes it learn, and tells which there are; the broker that it asks may itself not have heard of a new leader yet.
            await self._clock.sleep(pause_s)
            pause_s = _RETRY_S
            try:
                known = await self._learn(_REQUEST_TIMEOUT_S)
            except KafkaException:
                break  # then the failures stand
            answers |= dict.fromkeys(failed)
            answers |= await self._ask([place for place in failed if place[0] in known])
        for place, outcome in waiting.items():
            _settle(outcome, place, answers[place])

    async def _ask(self, places: Collection[Place]) -> dict[Place, Any]:
        """By place: its end, or the KafkaError."""
        if not places:
            return {}
        asked = self._admin.list_offsets(
            {TopicPartition(*place): _LATEST for place in places},
            isolation_level=self._isolation,
            request_timeout=_REQUEST_TIMEOUT_S,
        )
        answers: dict[Place, Any] = {}
        for where, outcome in asked.items():
            try:
                answers[where.topic, where.partition] = (await asyncio.wrap_future(outcome)).offset
            except KafkaException as error:
                answers[where.topic, where.partition] = error.args[0]
        return answers

    async def _learn(self, timeout_s: float) -> Collection[str]:
        """The names of all topics."""
        metadata = await asyncio.get_running_loop().run_in_executor(
            None, lambda: self._admin.list_topics(timeout=timeout_s)
        )
        names: Collection[str] = metadata.topics
        return names

    async def close(self) -> None:
        """Leave nobody waiting."""
        for task in list(self._asking):
            task.cancel()
        for outcome in self._waiting.values():
            outcome.cancel()


def _settle(outcome: "asyncio.Future[int | None]", place: Place, answer: Any) -> None:
    if outcome.done():
        return
    if isinstance(answer, KafkaError):
        outcome.set_exception(HistoryUnavailableError(f"{place[0]} does not tell where it ends: {answer.str()}"))
        outcome.exception()  # whoever asked may have gone
    else:
        outcome.set_result(answer)
