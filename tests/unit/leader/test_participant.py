"""What a partition has voted for it keeps until the ledger's decision, whoever leads it, and nobody sees half of it."""

import asyncio

import pytest

from services.leader.recovery import LOOK_S, PATIENCE_S, TransactionRecovery
from stator.codec.log_records import decode_changes
from stator.model.errors import (
    CancellationReason,
    IdempotentParameterMismatchError,
    OutcomeUnknownError,
    TransactionCanceledError,
    TransactionConflictError,
    TransactionInProgressError,
)
from stator.model.positions import LEDGER_LOG, LogId
from stator.model.records import Effect, Kind
from stator.rules.commands import (
    Close,
    Closed,
    DeleteItem,
    Expire,
    Expression,
    Get,
    Got,
    Outcomes,
    Page,
    PutItem,
    Query,
    WriteMany,
)
from stator.rules.transaction_messages import (
    Action,
    ConditionCheck,
    Decide,
    Decided,
    Finish,
    Finished,
    Looks,
    Prepare,
    Prepared,
    Transact,
    TransactRead,
)
from stator.runtime.meters import Meters
from stator.runtime.metric_names import TRANSACTIONS_RECOVERED
from tests.unit.leader.world import LOG, Process, World, image, put_item
from tests.virtual_time import run, settle

EXISTS = Expression("attribute_exists(pk)", {}, {})


class Deployment(World):
    """A partition and the ledger."""

    def __init__(self, *, exclusive: bool = False) -> None:
        super().__init__(exclusive=exclusive)
        self.store.create(LEDGER_LOG)

    def changes(self) -> list[Effect]:
        return [effect for _, record in self.accepted() for effect in decode_changes(record)]


def puts(*items: tuple[str, str]) -> list[Action]:
    return [PutItem(pk.encode(), image(pk, value)) for pk, value in items]


def prepare(process: Process, txid: bytes, actions: list[Action], token: str = "") -> "asyncio.Future[Prepared]":
    return process.partition.submit(Prepare(LOG, txid, [LOG, 6], actions, token))


def finish(process: Process, txid: bytes, commit_us: int | None, prepared_us: int = 0) -> "asyncio.Future[Finished]":
    return process.partition.submit(Finish(LOG, txid, commit_us, prepared_us))


def decide(process: Process, decision: Decide) -> "asyncio.Future[Decided]":
    return process.service.partition(LEDGER_LOG).submit(decision)


async def held(deployment: Deployment, name: str = "a") -> tuple[Process, Prepared]:
    """A process where x has a value, and a transaction is prepared that gives it another and makes y."""
    process = deployment.process(name)
    await process.put("x", "old")
    return process, await prepare(process, b"t", puts(("x", "new"), ("y", "new")))


# --- what is held --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exclusive", [False, True])
def test_nobody_else_changes_what_is_prepared(*, exclusive: bool) -> None:
    async def scenario() -> None:
        process, _ = await held(Deployment(exclusive=exclusive))
        with pytest.raises(TransactionConflictError):
            await process.put("x", "another")
        for request in (
            Transact(LOG, puts(("z", "1"), ("x", "2"))),
            Prepare(LOG, b"u", [], puts(("z", "1"), ("x", "2"))),
        ):
            with pytest.raises(TransactionCanceledError) as refused:
                await process.partition.submit(request)
            assert [reason.code for reason in refused.value.reasons] == ["None", "TransactionConflict"]
        await process.put("z", "3")

    run(scenario())


def test_a_conflict_does_not_tell_what_came_of_a_message_sent_before() -> None:
    async def scenario() -> None:
        process, _ = await held(Deployment())
        write = DeleteItem(b"x", request_id="id-1")
        with pytest.raises(TransactionConflictError):
            await process.partition.submit(write)
        with pytest.raises(OutcomeUnknownError):
            await process.partition.submit(DeleteItem(b"x", request_id="id-1", again=True))
        await finish(process, b"t", None)
        await process.partition.submit(write)
        assert await process.get("x") is None

    run(scenario())


def test_what_is_only_checked_is_held_too_and_can_be_read() -> None:
    async def scenario() -> None:
        process = Deployment(exclusive=True).process("a")
        await process.put("x", "1")
        await prepare(process, b"t", [ConditionCheck(b"x", EXISTS), *puts(("y", "1"))])
        with pytest.raises(TransactionConflictError):
            await process.partition.submit(DeleteItem(b"x"))
        assert await process.get("x") == image("x", "1")

    run(scenario())


def test_a_batch_stops_before_an_item_that_is_held_and_an_expiry_leaves_it() -> None:
    async def scenario() -> None:
        process, _ = await held(Deployment())
        batch = WriteMany(LOG, [put_item("w", "1"), put_item("x", "2"), put_item("z", "3")])
        done: Outcomes = await process.partition.submit(batch)
        assert len(done.outcomes) == 1
        assert (await process.partition.submit(Expire(b"x", "", 10))).timestamp_us == 0
        assert await process.get("z") is None

    run(scenario())


def test_a_refusal_names_its_reasons_in_order_and_holds_nothing() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        process = deployment.process("a")
        with pytest.raises(TransactionCanceledError) as refused:
            await prepare(process, b"t", [*puts(("y", "1")), ConditionCheck(b"x", EXISTS)])
        assert refused.value.reasons[0] == CancellationReason("None")
        assert refused.value.reasons[1].code == "ConditionalCheckFailed"
        await process.put("y", "2")
        assert Kind.PREPARE not in deployment.kinds()

    run(scenario())


def test_a_retry_that_meets_its_own_first_attempt_is_told_that_it_is_under_way() -> None:
    async def scenario() -> None:
        process = Deployment().process("a")
        await prepare(process, b"t", puts(("x", "1")), "token")
        with pytest.raises(TransactionInProgressError):
            await prepare(process, b"u", puts(("x", "1")), "token")

    run(scenario())


# --- its end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_strong_read_of_what_is_prepared_waits_for_the_end(*, exclusive: bool) -> None:
    async def scenario() -> None:
        process, vote = await held(Deployment(exclusive=exclusive))
        reads = [
            process.partition.submit(Get(LOG, b"x")),
            process.partition.submit(Query(LOG, b"x", None, reverse=False, limit=0)),
        ]
        assert await process.get("z") is None
        await settle()
        assert [read.done() for read in reads] == [False, False]
        await finish(process, b"t", vote.prepared_us + 5, vote.prepared_us)
        got, page = [await read for read in reads]
        assert isinstance(got, Got)
        assert isinstance(page, Page)
        assert (got.image, page.images) == (image("x", "new"), [image("x", "new"), image("y", "new")])

    run(scenario())


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_strong_read_waits_also_while_the_commit_is_on_its_way_into_the_log(*, exclusive: bool) -> None:
    async def scenario() -> None:
        process, vote = await held(Deployment(exclusive=exclusive))
        process.log.holding = True
        finished = finish(process, b"t", vote.prepared_us, vote.prepared_us)
        await settle()
        read = process.partition.submit(Get(LOG, b"x"))
        look = process.partition.submit(TransactRead(LOG, [b"x", b"z"]))
        await settle()
        assert not read.done()
        if exclusive:
            looks: Looks = await look
            assert [one.locked for one in looks.items] == [True, False]
        process.log.release()
        await finished
        assert (await read).image == image("x", "new")

    run(scenario())


def test_a_read_that_comes_after_the_commit_was_sent_is_answered_behind_a_later_record() -> None:
    """That the Commit counts does not tell that nobody has claimed the log since (R10)."""

    async def scenario() -> None:
        deployment = Deployment()
        process, vote = await held(deployment)
        process.log.holding = True
        finished = finish(process, b"t", vote.prepared_us, vote.prepared_us)
        await settle()
        read = process.partition.submit(Get(LOG, b"x"))
        process.log.release()
        await finished
        assert (await read).image == image("x", "new")
        assert deployment.kinds()[-2:] == [Kind.COMMIT, Kind.BARRIER]

    run(scenario())


def test_a_look_tells_what_is_held_and_what_is_not_any_more() -> None:
    async def scenario() -> None:
        process, vote = await held(Deployment())
        looks: Looks = await process.partition.submit(TransactRead(LOG, [b"x", b"y", b"z"]))
        assert [one.locked for one in looks.items] == [True, True, False]
        await finish(process, b"t", vote.prepared_us, vote.prepared_us)
        looks = await process.partition.submit(TransactRead(LOG, [b"x", b"y", b"z"]))
        assert [one.locked for one in looks.items] == [False, False, False]

    run(scenario())


def test_an_abort_leaves_everything_as_it_was_and_sets_it_free() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        process, _ = await held(deployment)
        read = process.partition.submit(Get(LOG, b"x"))
        await finish(process, b"t", None)
        assert (await read).image == image("x", "old")
        await process.put("x", "newer")
        assert Kind.ABORT in deployment.kinds()
        assert [effect.key for effect in deployment.changes()] == [b"x", b"x"]

    run(scenario())


def test_changes_carry_the_commit_time_and_whatever_comes_later_a_later_one() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        process, vote = await held(deployment)
        await process.put("z", "meanwhile")
        far = vote.prepared_us + 60_000_000
        await finish(process, b"t", far, vote.prepared_us)
        outcome = await process.put("x", "newer")
        times = {effect.key: effect.timestamp_us for effect in deployment.changes()[-3:]}
        assert [effect.timestamp_us for effect in deployment.changes()[-3:-1]] == [far, far]
        assert outcome.timestamp_us == times[b"x"] > far

    run(scenario())


def test_a_log_is_closed_no_further_than_before_what_is_prepared_and_closing_it_waits() -> None:
    async def scenario() -> None:
        process, vote = await held(Deployment())
        await process.put("z", "meanwhile")
        assert process.partition.replica.position.closed_us == vote.prepared_us - 1
        closing = process.partition.submit(Close(LOG))
        await settle()
        assert not closing.done()
        await finish(process, b"t", vote.prepared_us, vote.prepared_us)
        closed: Closed = await closing
        assert closed.timestamp_us > vote.prepared_us

    run(scenario())


# --- repeated, late and lost requests ------------------------------------------------------------------------


def test_a_repeated_prepare_gives_the_same_vote_also_at_the_next_leader() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        process, vote = await held(deployment)
        again = await prepare(process, b"t", puts(("x", "new"), ("y", "new")))
        assert again == vote
        successor = deployment.process("b")
        later = await prepare(successor, b"t", puts(("x", "new"), ("y", "new")))
        assert (later.prepared_us, len(later.outcomes)) == (vote.prepared_us, 2)
        assert deployment.kinds().count(Kind.PREPARE) == 1

    run(scenario())


def test_a_prepare_that_comes_after_the_end_is_refused() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        process, vote = await held(deployment)
        await finish(process, b"t", vote.prepared_us, vote.prepared_us)
        with pytest.raises(TransactionCanceledError):
            await prepare(process, b"t", puts(("x", "new"), ("y", "new")))
        await process.put("x", "free")

    run(scenario())


def test_a_transaction_is_committed_once_even_if_a_late_prepare_of_it_is_taken() -> None:
    """Another process leads by then, and knows nothing of what has ended."""

    async def scenario() -> None:
        deployment = Deployment()
        process, vote = await held(deployment)
        await finish(process, b"t", vote.prepared_us, vote.prepared_us)
        successor = deployment.process("b")
        await successor.put("x", "newer")
        late = await prepare(successor, b"t", puts(("x", "new"), ("y", "new")))
        assert late.prepared_us != vote.prepared_us
        await finish(successor, b"t", vote.prepared_us, vote.prepared_us)
        assert deployment.kinds().count(Kind.COMMIT) == 1
        with pytest.raises(TransactionConflictError):
            await successor.put("x", "newest")
        recovery(successor)
        await decide(successor, Decide(LEDGER_LOG, b"t", vote.prepared_us, {LOG: vote.prepared_us}))
        assert await successor.get("x") == image("x", "newer")
        assert deployment.kinds().count(Kind.ABORT) == 1

    run(scenario())


def test_a_repeated_finish_changes_nothing_more() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        process, vote = await held(deployment)
        for _ in range(2):
            await finish(process, b"t", vote.prepared_us, vote.prepared_us)
        await finish(process, b"t", None)
        assert (deployment.kinds().count(Kind.COMMIT), deployment.kinds().count(Kind.ABORT)) == (1, 0)

    run(scenario())


def test_reads_that_wait_when_the_leader_stops_are_told_so() -> None:
    async def scenario() -> None:
        process, _ = await held(Deployment())
        read = process.partition.submit(Get(LOG, b"x"))
        await settle()
        process.partition.resign(OutcomeUnknownError("stopped"))
        with pytest.raises(OutcomeUnknownError):
            await read

    run(scenario())


# --- after the leader, after the coordinator -----------------------------------------------------------------


def test_the_next_leader_holds_what_was_prepared_and_can_commit_it() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        _, vote = await held(deployment)
        successor = deployment.process("b")
        with pytest.raises(TransactionConflictError):
            await successor.put("y", "another")
        read = successor.partition.submit(Get(LOG, b"x"))
        await finish(successor, b"t", vote.prepared_us + 1, vote.prepared_us)
        assert (await read).image == image("x", "new")
        assert (await successor.get("y")) == image("y", "new")

    run(scenario())


def recovery(process: Process, meters: Meters | None = None) -> TransactionRecovery:
    def ask(decision: Decide) -> "asyncio.Future[Decided]":
        return decide(process, decision)

    found = TransactionRecovery(process.service, ask, process.clock, process.tasks, meters)
    process.tasks.spawn("recovery", found.run())
    return found


def test_an_orphan_is_aborted_through_the_ledger_after_a_while() -> None:
    async def scenario() -> None:
        process, _ = await held(Deployment())
        meters = Meters()
        recovery(process, meters)
        began = process.clock.monotonic()
        assert await process.get("x") == image("x", "old")
        assert PATIENCE_S - 1 <= process.clock.monotonic() - began <= PATIENCE_S + 2 * LOOK_S
        assert (await decide(process, Decide(LEDGER_LOG, b"t", 5, {LOG: 5}))).commit_us is None
        assert meters.counter(TRANSACTIONS_RECOVERED, "aborted").value == 1

    run(scenario())


def test_an_orphan_whose_commit_stands_is_committed() -> None:
    async def scenario() -> None:
        process, vote = await held(Deployment())
        meters = Meters()
        recovery(process, meters)
        await decide(process, Decide(LEDGER_LOG, b"t", vote.prepared_us + 3, {LOG: vote.prepared_us, 6: 1}))
        assert await process.get("x") == image("x", "new")
        assert meters.counter(TRANSACTIONS_RECOVERED, "committed").value == 1

    run(scenario())


def test_what_is_found_open_is_ended_at_once_after_a_change_of_leader() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        await held(deployment)
        successor = deployment.process("b")
        recovery(successor)
        await successor.partition.claim()
        began = successor.clock.monotonic()
        assert await successor.get("x") == image("x", "old")
        assert successor.clock.monotonic() - began < PATIENCE_S / 2

    run(scenario())


# --- the ledger ----------------------------------------------------------------------------------------------


def test_the_first_decision_stands_also_at_the_ledgers_next_leader() -> None:
    async def scenario() -> None:
        deployment = Deployment()
        commit = Decide(LEDGER_LOG, b"t", 50, {5: 50, 6: 40}, "token", b"h" * 16)
        first, second = deployment.process("a"), deployment.process("b")
        assert await decide(first, commit) == Decided(50, {5: 50, 6: 40})
        assert await decide(second, Decide(LEDGER_LOG, b"t", None)) == Decided(50, {5: 50, 6: 40})
        assert await decide(second, Decide(LEDGER_LOG, b"u", 60, {}, "token", b"h" * 16)) == Decided(
            None, {}, repeated=True
        )
        with pytest.raises(IdempotentParameterMismatchError):
            await decide(second, Decide(LEDGER_LOG, b"v", 60, {}, "token", b"o" * 16))
        assert deployment.store.end(LogId(LEDGER_LOG)) >= 5

    run(scenario())
