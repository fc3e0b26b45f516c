"""What a router does about leaders that moved, died, hang, or cannot say what became of a write."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stator.adapters.peers_memory import Deliver, MemoryNetwork, MemoryPeers
from stator.model.errors import (
    ConditionalCheckFailedError,
    DomainError,
    NotLeaderError,
    OutcomeUnknownError,
    ServiceUnavailableError,
    ViewBehindError,
)
from stator.model.positions import LogId
from stator.rules.commands import DeleteItem, Get, Got, Outcome, Write
from stator.runtime.partition_client import ATTEMPT_S, DEADLINE_S, HINT_S, PartitionClient
from tests.virtual_time import run

LOG = LogId(4)
WRITE = Write(LOG, DeleteItem(b"key", request_id="id-1"))
AGAIN = Write(LOG, DeleteItem(b"key", request_id="id-1", again=True))
GET = Get(LOG, b"key")
DEADLINE_SLACK_S = 0.5


class Cluster:
    """Two nodes that answer as the test says, and a router's client. `told` is where the heartbeats say the leader is."""

    def __init__(self) -> None:
        self.told: str | None = "a"
        self.readers = ["a", "b"]
        self.calls: list[str] = []
        self.messages: list[object] = []
        self.hanging: set[str] = set()
        self.network = MemoryNetwork(self._carry)
        self.nodes = {name: self.network.join(name) for name in ("a", "b")}
        self.client = PartitionClient(self.network.join("router"), self)
        self.answers: dict[str, Callable[[], Any]] = {}
        for name, peers in self.nodes.items():
            self._serve(name, peers)

    def _serve(self, name: str, peers: MemoryPeers) -> None:
        def answer(message: object) -> object:
            self.calls.append(name)
            self.messages.append(message)
            return self.answers[name]()

        for method in ("write", "get", "read_get"):
            peers.serve(method, answer)

    def _carry(self, _source: str, target: str, deliver: Deliver) -> None:
        if target not in self.hanging:
            deliver()

    def leader(self, _log_id: LogId) -> str | None:
        return self.told

    def reader(self, _log_id: LogId) -> str | None:
        self.readers.append(self.readers.pop(0))
        return self.readers[-1]


def done() -> Outcome:
    return Outcome(timestamp_us=1)


def never() -> "asyncio.Future[Outcome]":
    return asyncio.get_running_loop().create_future()


def refuse(error: DomainError) -> Callable[[], Any]:
    def answer() -> object:
        raise error

    return answer


def test_a_leader_that_moved_names_its_successor_and_is_not_asked_again() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": refuse(NotLeaderError("b")), "b": done}
        assert await cluster.client.ask_leader(LOG, "write", WRITE) == done()
        assert await cluster.client.ask_leader(LOG, "write", WRITE) == done()
        assert cluster.calls == ["a", "b", "b"]

    run(scenario())


def test_a_hint_does_not_outlive_the_heartbeats_that_know_better() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": refuse(NotLeaderError("b")), "b": done}
        await cluster.client.ask_leader(LOG, "write", WRITE)
        cluster.hanging.add("b")
        cluster.answers["a"] = done
        await asyncio.sleep(HINT_S)
        assert await cluster.client.ask_leader(LOG, "write", WRITE) == done()

    run(scenario())


def test_while_nobody_leads_a_request_waits_for_somebody() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.told = None
        cluster.answers = {"a": refuse(NotLeaderError(None)), "b": done}
        asked = cluster.client.ask_leader(LOG, "write", WRITE)
        await asyncio.sleep(1)
        cluster.told = "a"
        await asyncio.sleep(1)
        assert not asked.done()
        cluster.told = "b"
        assert await asked == done()

    run(scenario())


def test_a_leader_that_cannot_be_reached_certainly_did_nothing_so_the_write_is_tried_again() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": done, "b": done}
        await cluster.nodes["a"].close()
        asked = cluster.client.ask_leader(LOG, "write", WRITE)
        await asyncio.sleep(0.5)
        cluster.told = "b"
        assert await asked == done()
        assert cluster.calls == ["b"]

    run(scenario())


def test_a_write_without_an_id_whose_leader_went_away_before_it_answered_is_not_repeated() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": never, "b": done}
        asked = cluster.client.ask_leader(LOG, "write", WRITE)
        cluster.told = "b"
        await cluster.nodes["a"].close()
        with pytest.raises(OutcomeUnknownError):
            await asked
        assert cluster.calls == ["a"]

    run(scenario())


def test_a_write_that_leaders_know_again_is_repeated_when_its_leader_went_away() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": never, "b": done}
        asked = cluster.client.ask_leader(LOG, "write", WRITE, repeated=lambda: AGAIN)
        cluster.told = "b"
        await cluster.nodes["a"].close()
        assert await asked == done()
        assert cluster.calls == ["a", "b"]
        assert cluster.messages == [WRITE, AGAIN]

    run(scenario())


def test_what_certainly_did_nothing_is_not_said_to_have_come_before() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": refuse(NotLeaderError("b")), "b": done}
        assert await cluster.client.ask_leader(LOG, "write", WRITE, repeated=lambda: AGAIN) == done()
        assert cluster.messages == [WRITE, WRITE]

    run(scenario())


def test_a_write_may_have_been_done_though_the_leader_that_was_asked_last_did_nothing() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": never, "b": refuse(ServiceUnavailableError("too many wait"))}
        asked = cluster.client.ask_leader(LOG, "write", WRITE, repeated=lambda: AGAIN)
        cluster.told = "b"
        await cluster.nodes["a"].close()
        with pytest.raises(OutcomeUnknownError):
            await asked

    run(scenario())


@pytest.mark.parametrize(("method", "message", "answer"), [("write", WRITE, done()), ("get", GET, Got(b"{}"))])
def test_what_may_be_repeated_goes_to_the_next_leader_when_one_hangs(
    method: str, message: object, answer: object
) -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": never, "b": lambda: answer}
        asked = cluster.client.ask_leader(LOG, method, message, repeated=lambda: message)
        await asyncio.sleep(ATTEMPT_S / 2)
        cluster.told = "b"
        assert await asked == answer
        assert asyncio.get_running_loop().time() < ATTEMPT_S + DEADLINE_SLACK_S
        assert cluster.calls == ["a", "b"]

    run(scenario())


def test_a_read_whose_leader_went_away_is_repeated() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": never, "b": lambda: Got(b"{}")}
        asked = cluster.client.ask_leader(LOG, "get", GET)
        cluster.told = "b"
        await cluster.nodes["a"].close()
        assert await asked == Got(b"{}")

    run(scenario())


@pytest.mark.parametrize(
    ("method", "message", "expected"),
    [("write", WRITE, OutcomeUnknownError), ("get", GET, ServiceUnavailableError), ("nobody", GET, None)],
)
@pytest.mark.parametrize("repeated", [lambda: AGAIN, None])
def test_a_leader_that_hangs_costs_the_deadline_and_no_more(
    method: str, message: object, expected: type[DomainError] | None, repeated: Callable[[], object] | None
) -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.hanging.add("a")
        if expected is None:
            cluster.told = None
        began = asyncio.get_running_loop().time()
        with pytest.raises(expected or ServiceUnavailableError):
            await cluster.client.ask_leader(LOG, method, message, repeated=repeated)
        took_s = asyncio.get_running_loop().time() - began
        assert DEADLINE_S <= took_s <= DEADLINE_S + DEADLINE_SLACK_S

    run(scenario())


def test_what_the_leader_refuses_is_passed_on() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": refuse(ConditionalCheckFailedError(b"{}"))}
        with pytest.raises(ConditionalCheckFailedError) as refused:
            await cluster.client.ask_leader(LOG, "write", WRITE)
        assert refused.value.item == b"{}"
        assert cluster.calls == ["a"]

    run(scenario())


def test_readers_take_turns_and_one_that_is_gone_or_has_no_view_is_passed_over() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": lambda: Got(b"from a"), "b": lambda: Got(b"from b")}
        answers = [await cluster.client.ask_reader(LOG, "read_get", GET) for _ in range(4)]
        assert {got.image for got in answers} == {b"from a", b"from b"}
        cluster.answers["a"] = refuse(NotLeaderError(None))
        assert [await cluster.client.ask_reader(LOG, "read_get", GET) for _ in range(2)] == [Got(b"from b")] * 2
        await cluster.nodes["a"].close()
        assert [await cluster.client.ask_reader(LOG, "read_get", GET) for _ in range(2)] == [Got(b"from b")] * 2

    run(scenario())


def test_a_view_that_is_behind_sends_its_reader_to_the_leader() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        cluster.answers = {"a": lambda: Got(b"from the leader"), "b": refuse(ViewBehindError())}
        cluster.readers = ["b"]
        got = await cluster.client.ask_reader(LOG, "read_get", GET, at_leader="get")
        assert got == Got(b"from the leader")
        assert cluster.calls == ["b", "a"]

    run(scenario())


def test_where_nobody_leads_the_views_are_asked_until_one_is_as_far() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        behind = iter((True, True, True, False))

        def view() -> Got:
            if next(behind):
                raise ViewBehindError
            return Got(b"{}")

        cluster.answers = {"a": view, "b": view}
        assert await cluster.client.ask_reader(LOG, "read_get", GET) == Got(b"{}")
        assert sorted(cluster.calls) == ["a", "a", "b", "b"]

    run(scenario())


def test_without_any_reader_the_deadline_ends_the_wait() -> None:
    async def scenario() -> None:
        cluster = Cluster()
        for node in cluster.nodes.values():
            await node.close()
        with pytest.raises(ServiceUnavailableError):
            await cluster.client.ask_reader(LOG, "read_get", GET)

    run(scenario())
