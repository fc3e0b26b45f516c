"""A transaction over several partitions is done whole or not at all, whoever of its parties stops, and its client is told which."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from services.leader.recovery import TransactionRecovery
from services.leader.server import LeaderService
from services.router.coordinator import FINISH_S, Coordinator
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryViews
from stator.codec.log_records import decode_commit, decode_envelope
from stator.model.errors import (
    CancellationReason,
    DomainError,
    IdempotentParameterMismatchError,
    OutcomeUnknownError,
    ServiceUnavailableError,
    TransactionCanceledError,
    TransactionConflictError,
    TransactionInProgressError,
)
from stator.model.item import encode_image
from stator.model.positions import LEDGER_LOG, LogId, Offset
from stator.model.records import Commit, Kind
from stator.rules.commands import Expression, Get, Got, PutItem
from stator.rules.transaction_messages import Action, ConditionCheck, Decide, Transacted
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient
from tests.virtual_time import LoopClock, run, settle

LOGS = (LogId(1), LogId(2))
ONE, TWO = LOGS
EXISTS = Expression("attribute_exists(pk)", {}, {})


class SteeredPeers:
    """Calls within one process, but for those that `stopped` stops: they stay without an answer, or end in an error."""

    def __init__(self) -> None:
        self.stopped: Callable[[str, Any], DomainError | bool] = lambda _method, _message: False
        self._handlers: dict[str, Callable[[Any], Any]] = {}

    def serve(self, method: str, handler: Callable[[Any], Any]) -> None:
        self._handlers[method] = handler

    def call(self, _node: str, method: str, message: Any, _timeout_s: float) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        verdict = self.stopped(method, message)
        if isinstance(verdict, DomainError):
            future.set_exception(verdict)
        elif not verdict:
            answered: asyncio.Future[Any] = self._handlers[method](message)
            return answered
        return future

    async def close(self) -> None:
        pass


class Here:
    def leader(self, _log_id: LogId) -> str:
        return "here"

    def reader(self, _log_id: LogId) -> str:
        return "here"


class World:
    """Two partitions and the ledger, all led by one process; recovery runs."""

    def __init__(self) -> None:
        self.store = MemoryLogStore()
        for log_id in (*LOGS, LEDGER_LOG):
            self.store.create(log_id)
        self.peers = SteeredPeers()
        self.clock = LoopClock()
        self.failures: list[str] = []
        tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        log = MemoryLog(self.store)
        self.leaders = LeaderService(
            "here", log, MemoryViews(), self.clock, SeededIds(Random(1)), tasks, _no_base, on_use=True
        )
        self.leaders.serve(self.peers)
        self.client = PartitionClient(self.peers, Here())
        self.coordinator = Coordinator(self.client, SeededIds(Random(2)))
        recovery = TransactionRecovery(
            self.leaders, lambda decision: self.client.ask_leader(LEDGER_LOG, "decide", decision), self.clock, tasks
        )
        tasks.spawn("recovery", recovery.run())

    async def transact(self, *asked: tuple[LogId, Action], token: str = "", digest: bytes = b"d" * 16) -> Transacted:
        return await self.coordinator.transact(asked, token, digest)

    async def get(self, log_id: LogId, pk: str) -> bytes | None:
        got: Got = await self.leaders.partition(log_id).submit(Get(log_id, pk.encode()))
        return got.image

    def commits(self, log_id: LogId) -> list[Commit]:
        records = [decode_envelope(message.data) for message in self.store.messages(log_id, Offset(0))]
        return [decode_commit(record) for record in records if record.kind is Kind.COMMIT]


async def _no_base(*_: object) -> None:
    raise AssertionError("there is no Base")


def put(pk: str, value: str, condition: Expression | None = None) -> PutItem:
    return PutItem(pk.encode(), image(pk, value), condition)


def image(pk: str, value: str) -> bytes:
    return encode_image({"pk": {"S": pk}, "v": {"S": value}})


def decided(_method: str, message: Any) -> bool:
    """Nobody hears the ledger, or is heard by it."""
    return isinstance(message, Decide)


def test_a_transaction_is_done_in_all_partitions_at_one_time() -> None:
    async def scenario() -> None:
        world = World()
        done = await world.transact((TWO, put("b", "1")), (ONE, put("a", "22")), (TWO, put("c", "333")))
        assert [outcome.bytes_written for outcome in done.outcomes] == [
            len(image("b", "1")) + more for more in (0, 1, 2)
        ]
        assert await world.get(ONE, "a") == image("a", "22")
        assert [await world.get(TWO, pk) for pk in "bc"] == [image("b", "1"), image("c", "333")]
        (first,), (second,) = (world.commits(log_id) for log_id in LOGS)
        assert first.commit_us == second.commit_us == max(first.prepared_us, second.prepared_us)
        assert world.failures == []

    run(scenario())


def test_a_refusal_of_one_partition_cancels_all_and_names_the_reasons_in_order() -> None:
    async def scenario() -> None:
        world = World()
        with pytest.raises(TransactionCanceledError) as refused:
            await world.transact(
                (TWO, put("b", "1")), (ONE, put("a", "1")), (TWO, ConditionCheck(b"c", EXISTS)), (ONE, put("d", "1"))
            )
        codes = [reason.code for reason in refused.value.reasons]
        assert codes == ["None", "None", "ConditionalCheckFailed", "None"]
        assert refused.value.reasons[0] == CancellationReason("None")
        await settle()
        await world.transact((TWO, put("b", "2")), (ONE, put("a", "2")))
        assert await world.get(ONE, "a") == image("a", "2")

    run(scenario())


def test_the_client_is_told_before_the_partitions_are_and_reads_what_it_was_told() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = lambda method, _: method == "finish"
        await world.transact((ONE, put("a", "1")), (TWO, put("b", "1")))
        assert world.commits(ONE) == world.commits(TWO) == []
        assert await world.get(TWO, "b") == image("b", "1")  # once the partition has asked for itself

    run(scenario())


def test_a_client_who_asks_is_told_where_its_changes_lie() -> None:
    async def scenario() -> None:
        world = World()
        places: dict[LogId, int] = {}
        asked = (ONE, put("a", "1")), (TWO, put("b", "1"))
        await world.coordinator.transact(asked, saw=places.__setitem__)
        for log_id in LOGS:
            below = list(world.store.messages(log_id, Offset(0)))[: places[log_id]]
            assert decode_envelope(below[-1].data).kind is Kind.COMMIT

    run(scenario())


def test_a_client_who_asks_where_its_changes_lie_does_not_wait_for_that_for_ever() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = lambda method, message: method == "finish" and message.log_id == TWO
        places: dict[LogId, int] = {}
        began = world.clock.monotonic()
        await world.coordinator.transact([(ONE, put("a", "1")), (TWO, put("b", "1"))], saw=places.__setitem__)
        assert places.keys() == {ONE}
        assert world.clock.monotonic() - began <= FINISH_S + 0.1

    run(scenario())


def test_a_coordinator_that_stops_after_the_votes_leaves_nothing_held() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = decided
        stopped = asyncio.ensure_future(world.transact((ONE, put("a", "1")), (TWO, put("b", "1"))))
        await settle()
        stopped.cancel()
        with pytest.raises(TransactionConflictError):
            await world.leaders.partition(ONE).submit(put("a", "2"))
        world.peers.stopped = lambda _method, _message: False
        assert [await world.get(ONE, "a"), await world.get(TWO, "b")] == [None, None]
        await world.leaders.partition(ONE).submit(put("a", "2"))

    run(scenario())


def test_a_coordinator_that_cannot_hear_the_ledger_does_not_know_the_outcome() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = lambda _method, message: isinstance(message, Decide) and message.commit_us is not None
        with pytest.raises(OutcomeUnknownError):
            await world.transact((ONE, put("a", "1")), (TWO, put("b", "1")))
        assert [await world.get(ONE, "a"), await world.get(TWO, "b")] == [None, None]

    run(scenario())


def test_an_abort_that_stands_is_what_the_client_is_told() -> None:
    async def scenario() -> None:
        world = World()
        proposals: list[Decide] = []

        def hold_back(_method: str, message: Any) -> bool:
            if isinstance(message, Decide) and not proposals:
                proposals.append(message)
                world.leaders.partition(LEDGER_LOG).submit(Decide(LEDGER_LOG, message.txid, None))
            return False

        world.peers.stopped = hold_back
        with pytest.raises(ServiceUnavailableError):
            await world.transact((ONE, put("a", "1")), (TWO, put("b", "1")))
        assert [await world.get(ONE, "a"), await world.get(TWO, "b")] == [None, None]

    run(scenario())


def test_a_partition_that_does_not_answer_has_the_transaction_aborted() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = lambda method, message: method == "prepare" and message.log_id == TWO
        with pytest.raises(ServiceUnavailableError):
            await world.transact((ONE, put("a", "1")), (TWO, put("b", "1")))
        assert await world.get(ONE, "a") is None

    run(scenario())


def test_a_refusal_is_told_also_when_the_ledger_is_away() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = decided
        with pytest.raises(TransactionCanceledError):
            await world.transact((ONE, put("a", "1")), (TWO, ConditionCheck(b"b", EXISTS)))
        with pytest.raises(ServiceUnavailableError):
            await world.transact((ONE, put("c", "1")), (TWO, ConditionCheck(b"b", EXISTS)), token="t")

    run(scenario())


def test_a_token_makes_the_second_attempt_repeat_the_first() -> None:
    async def scenario() -> None:
        world = World()
        new = Expression("attribute_not_exists(pk)", {}, {})
        asked = (ONE, put("a", "1", new)), (TWO, put("b", "1"))
        assert not (await world.transact(*asked, token="t")).repeated
        again = await world.transact(*asked, token="t")
        assert (again.repeated, len(again.outcomes)) == (True, 2)
        with pytest.raises(IdempotentParameterMismatchError):
            await world.transact((ONE, put("a", "2")), (TWO, put("b", "2")), token="t", digest=b"o" * 16)
        assert [await world.get(ONE, "a"), await world.get(TWO, "b")] == [image("a", "1"), image("b", "1")]
        assert len(world.commits(ONE)) == 1

    run(scenario())


def test_a_second_attempt_that_meets_the_first_is_told_to_come_back() -> None:
    async def scenario() -> None:
        world = World()
        world.peers.stopped = lambda _method, message: isinstance(message, Decide) and message.commit_us is not None
        first = asyncio.ensure_future(world.transact((ONE, put("a", "1")), (TWO, put("b", "1")), token="t"))
        await settle()
        with pytest.raises(TransactionInProgressError):
            await world.transact((ONE, put("a", "1")), (TWO, put("b", "1")), token="t")
        first.cancel()

    run(scenario())
