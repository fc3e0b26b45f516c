"""Where topics end, when the broker that is asked has not heard of a leader yet."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition

from stator.adapters import change_topic_ends
from stator.adapters.change_topic_ends import TopicEnds
from stator.adapters.clock_system import SystemClock
from stator.ports.change_history import HistoryUnavailableError

NOBODY = KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION)
UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)


class StubAdmin:
    """Answers offset requests with what `answers` gives next."""

    answers: Iterator[int | KafkaError]

    def __init__(self, _: dict[str, Any]) -> None:
        pass

    def list_topics(self, timeout: float) -> Any:
        assert timeout > 0
        return SimpleNamespace(topics={"new": None})

    def list_offsets(self, wanted: dict[TopicPartition, Any], **_: Any) -> dict[TopicPartition, "Future[Any]"]:
        outcomes: dict[TopicPartition, Future[Any]] = {}
        for place in wanted:
            outcomes[place] = outcome = Future()
            answer = next(self.answers)
            if isinstance(answer, KafkaError):
                outcome.set_exception(KafkaException(answer))
            else:
                outcome.set_result(SimpleNamespace(offset=answer))
        return outcomes


def ask(
    monkeypatch: pytest.MonkeyPatch, answers: Iterator[int | KafkaError], *topics: str
) -> list[int | BaseException | None]:
    async def scenario() -> list[int | BaseException | None]:
        ends = TopicEnds({}, SystemClock(), IsolationLevel.READ_COMMITTED)
        return await asyncio.gather(*(ends.end((topic, 0)) for topic in topics), return_exceptions=True)

    monkeypatch.setattr(change_topic_ends, "AdminClient", StubAdmin)
    monkeypatch.setattr(StubAdmin, "answers", answers, raising=False)
    return asyncio.run(scenario())


def test_a_leader_that_brokers_hear_of_late_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, iter([NOBODY, NOBODY, NOBODY, 7]), "new") == [7]


def test_a_topic_that_nobody_knows_has_no_end_and_its_neighbour_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, iter([UNKNOWN, UNKNOWN, 7]), "gone", "new") == [None, 7]


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_topic_ends, "_PATIENCE_S", 0.2)
    (outcome,) = ask(monkeypatch, repeat(NOBODY), "new")
    assert isinstance(outcome, HistoryUnavailableError)
    assert "new does not tell where it ends" in str(outcome)
