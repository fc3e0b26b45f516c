"""A transaction within one partition: one state, one record, one answer."""

import asyncio

import msgspec
import pytest

from services.leader.group_commit import RECORD_BYTES_MAX
from stator.model.errors import IdempotentParameterMismatchError, TransactionCanceledError, ValidationError
from stator.rules.commands import DeleteItem, Expression
from stator.rules.transaction_messages import Action, ConditionCheck, Look, Looks, Transact, Transacted, TransactRead
from stator.rules.transactions import PAYLOAD_BYTES_MAX
from tests.unit.leader.world import (
    LOG,
    Landing,
    Process,
    World,
    add_one,
    counter,
    image,
    land,
    land_and_deny,
    lose,
    put_item,
    vanish,
)
from tests.virtual_time import run, settle

HAS_PK = Expression("attribute_exists(pk)", {}, {})


def transact(process: Process, *actions: Action) -> "asyncio.Future[Transacted]":
    return process.partition.submit(Transact(LOG, list(actions)))


def with_token(
    process: Process, token: str, *actions: Action, request_hash: bytes = b"h" * 16
) -> "asyncio.Future[Transacted]":
    return process.partition.submit(Transact(LOG, list(actions), token, request_hash))


async def look(process: Process, *keys: bytes, images: bool = True) -> Looks:
    looks: Looks = await process.partition.submit(TransactRead(LOG, list(keys), images))
    return looks


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_transaction_is_one_record_at_one_instant(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.put("c", "old")
        await process.put("d", "old")
        done = await transact(process, put_item("a", "1"), add_one("b"), DeleteItem(b"c"), ConditionCheck(b"d", HAS_PK))
        written = world.batches()[2]
        assert [effect.key for effect in written] == [b"a", b"b", b"c"]
        assert len({effect.timestamp_us for effect in written}) == 1
        assert [outcome.timestamp_us for outcome in done.outcomes] == [written[0].timestamp_us] * 3 + [0]
        assert world.content() == {b"a": image("a", "1"), b"b": counter("b", 1), b"d": image("d", "old")}

    run(scenario())


@pytest.mark.parametrize("exclusive", [True, False])
def test_one_refusal_leaves_nothing(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.put("c", "old")
        with pytest.raises(TransactionCanceledError) as refused:
            await transact(process, put_item("a", "1"), ConditionCheck(b"b", HAS_PK), DeleteItem(b"c", HAS_PK))
        assert [reason.code for reason in refused.value.reasons] == ["None", "ConditionalCheckFailed", "None"]
        assert world.content() == {b"c": image("c", "old")}

    run(scenario())


def test_a_refusal_waits_for_what_it_shows() -> None:
    async def scenario() -> None:
        world = World(exclusive=True)
        process = world.process("a")
        await process.put("z", "0")
        process.log.holding = True
        under_way = process.put("a", "1")
        await settle()
        refused = transact(process, put_item("a", "2", "attribute_not_exists(pk)"))
        unmoved = transact(process, put_item("a", "1"), ConditionCheck(b"z", HAS_PK))
        await settle()
        assert not refused.done()
        assert not unmoved.done()
        process.log.release()
        await under_way
        assert len((await unmoved).outcomes) == 2
        with pytest.raises(TransactionCanceledError):
            await refused
        assert len(world.effects()) == 2

    run(scenario())


@pytest.mark.parametrize("landing", [land, lose, land_and_deny, vanish])
def test_a_doubtful_transaction_is_there_as_a_whole_or_not_at_all(landing: Landing) -> None:
    """And never twice: counters would show it."""

    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("a", "0")
        process.log.landing = landing
        future = transact(process, add_one("b"), add_one("c"))
        await settle()
        process.log.landing = land
        await future
        assert world.content() == {b"a": image("a", "0"), b"b": counter("b", 1), b"c": counter("c", 1)}
        assert all(len(batch) in {1, 2} for batch in world.batches())

    run(scenario())


def test_more_than_a_record_can_carry_is_refused() -> None:
    async def scenario() -> None:
        process = World().process("a")
        half = "x" * (RECORD_BYTES_MAX // 2)
        with pytest.raises(TransactionCanceledError) as refused:
            await transact(process, put_item("a", half), put_item("b", "1"), put_item("c", half))
        assert [reason.code for reason in refused.value.reasons] == ["None", "None", "ValidationError"]
        assert await process.get("a") is None

    run(scenario())


@pytest.mark.parametrize("exclusive", [True, False])
def test_looks_show_items_with_their_versions(*, exclusive: bool) -> None:
    async def scenario() -> None:
        process = World(exclusive=exclusive).process("a")
        written = await process.put("a", "1")
        assert (await look(process, b"a", b"b")).items == [Look(image("a", "1"), written.timestamp_us), Look(None, 0)]
        assert (await look(process, b"a", images=False)).items == [Look(None, written.timestamp_us)]

    run(scenario())


def test_looks_show_only_what_is_confirmed() -> None:
    async def scenario() -> None:
        process = World(exclusive=True).process("a")
        await process.put("a", "1")
        await process.put("b", "1")
        before = await look(process, b"a", b"b")
        process.log.holding = True
        under_way = transact(process, put_item("a", "2"), DeleteItem(b"b"))
        await settle()
        assert await look(process, b"a", b"b") == before
        process.log.release()
        await under_way
        after = await look(process, b"a", b"b")
        assert [one.image for one in after.items] == [image("a", "2"), None]
        assert after.deletes > before.deletes

    run(scenario())


def test_an_item_that_came_and_went_is_seen_to_have_done_so() -> None:
    async def scenario() -> None:
        process = World().process("a")
        before = await look(process, b"a")
        assert (await look(process, b"a")).deletes == before.deletes
        await process.put("a", "1")
        await process.partition.submit(DeleteItem(b"a"))
        assert (await look(process, b"a")).deletes > before.deletes

    run(scenario())


def test_another_leader_knows_nothing_of_earlier_deletes_and_says_so() -> None:
    async def scenario() -> None:
        world = World()
        first, second = world.process("a"), world.process("b")
        before = await look(first, b"a")
        assert await second.partition.claim()
        assert (await look(second, b"a")).deletes != before.deletes

    run(scenario())


def test_more_than_may_be_shown_is_refused() -> None:
    async def scenario() -> None:
        process = World().process("a")
        keys = [f"k{place}" for place in range(3)]
        for key in keys:
            await process.put(key, "x" * (PAYLOAD_BYTES_MAX // 2))
        with pytest.raises(ValidationError):
            await look(process, *(key.encode() for key in keys))
        assert len((await look(process, b"k0")).items) == 1

    run(scenario())


def test_a_transaction_that_comes_again_is_not_done_again() -> None:
    """Neither while the first is under way, nor when the view has it, nor by another leader."""

    async def scenario() -> None:
        world = World()
        first, second = world.process("a"), world.process("b")
        await first.put("z", "0")
        first.log.holding = True
        done, under_way = (with_token(first, "t", add_one("a"), add_one("b")) for _ in range(2))
        await settle()
        assert not done.done()
        assert not under_way.done()
        first.log.release()
        assert not (await done).repeated
        assert (await under_way).repeated
        assert (await with_token(first, "t", add_one("a"), add_one("b"))).repeated
        assert await second.partition.claim()
        again = await with_token(second, "t", add_one("a"), add_one("b"))
        assert again.repeated
        assert [outcome.bytes_written for outcome in again.outcomes] == [len("pkan") + 2] * 2
        assert world.content() == {b"z": image("z", "0"), b"a": counter("a", 1), b"b": counter("b", 1)}
        assert not (await with_token(second, "u", add_one("a"))).repeated

    run(scenario())


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_token_stands_for_one_request(*, exclusive: bool) -> None:
    async def scenario() -> None:
        process = World(exclusive=exclusive).process("a")
        await with_token(process, "t", add_one("a"))
        with pytest.raises(IdempotentParameterMismatchError):
            await with_token(process, "t", add_one("b"), request_hash=b"o" * 16)
        assert await process.get("b") is None

    run(scenario())


def test_a_cancelled_transaction_does_not_use_its_token_up() -> None:
    async def scenario() -> None:
        process = World().process("a")
        with pytest.raises(TransactionCanceledError):
            await with_token(process, "t", ConditionCheck(b"a", HAS_PK))
        assert not (await with_token(process, "t", add_one("a"), request_hash=b"o" * 16)).repeated

    run(scenario())


def test_a_token_and_the_request_id_of_a_write_are_not_taken_for_each_other() -> None:
    async def scenario() -> None:
        process = World().process("a")
        await with_token(process, "same", add_one("a"))
        await process.partition.submit(msgspec.structs.replace(add_one("a"), request_id="same"))
        assert await process.get("a") == counter("a", 2)

    run(scenario())
