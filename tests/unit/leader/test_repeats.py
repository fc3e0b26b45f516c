"""A request that comes again is answered as the first time and carried out once: under way, done, at the next leader."""

import asyncio

import msgspec
import pytest

from stator.model.errors import ConditionalCheckFailedError, OutcomeUnknownError, RequestError
from stator.model.item import decode_image
from stator.rules.append_patience import PATIENCE_S
from stator.rules.commands import (
    DeleteItem,
    Expression,
    Outcome,
    Outcomes,
    PutItem,
    ReturnValues,
    UpdateItem,
    WriteMany,
)
from stator.rules.request_tokens import WINDOW_US
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
    land_mutely,
    lose,
    put_item,
    vanish,
)
from tests.virtual_time import run, settle

ABSENT = "attribute_not_exists(pk)"


def add(request_id: str = "id-1", return_values: ReturnValues = "ALL_NEW") -> UpdateItem:
    return msgspec.structs.replace(add_one("x"), request_id=request_id, return_values=return_values)


def put(value: str, request_id: str = "id-1", condition: str | None = None, pk: str = "x") -> PutItem:
    return msgspec.structs.replace(put_item(pk, value, condition), request_id=request_id, return_values="ALL_OLD")


async def submit(process: Process, command: PutItem | UpdateItem | DeleteItem) -> Outcome:
    outcome: Outcome = await process.partition.submit(command)
    return outcome


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_repeat_gets_the_first_answer_whatever_happened_since(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.put("x", "old")
        first = await submit(process, put("new"))
        assert first.attributes == image("x", "old")
        await process.put("x", "another's")
        await settle()
        again = await submit(process, put("new"))
        assert (again.attributes, again.timestamp_us, again.bytes_written) == (
            first.attributes,
            first.timestamp_us,
            first.bytes_written,
        )
        assert world.content() == {b"x": image("x", "another's")}

    run(scenario())


@pytest.mark.parametrize("return_values", ["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_every_kind_of_return_values_is_answered_again(return_values: ReturnValues) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        first = await submit(process, add(return_values=return_values))
        await process.add("x")
        again = await submit(process, add(return_values=return_values))
        assert again == msgspec.structs.replace(first, partition_bytes=again.partition_bytes, reached=again.reached)
        assert world.content() == {b"x": counter("x", 3)}

    run(scenario())


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_repeat_that_comes_while_the_first_is_under_way_waits_for_its_record(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.add("x")
        process.log.holding = True
        both = [process.partition.submit(add()) for _ in range(2)]
        await settle()
        both.append(process.partition.submit(add()))
        await settle()
        assert not any(answer.done() for answer in both)
        process.log.release()
        outcomes: list[Outcome] = await asyncio.gather(*both)
        assert {outcome.attributes for outcome in outcomes} == {counter("x", 2)}
        assert world.content() == {b"x": counter("x", 2)}

    run(scenario())


@pytest.mark.parametrize("ending", [land_mutely, land_and_deny, lose, vanish])
def test_a_repeat_at_the_next_leader_is_carried_out_once_whatever_became_of_the_first(ending: Landing) -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        await submit(old, add("id-0"))
        old.log.landing = ending
        lost = old.partition.submit(add())
        await settle()
        await new.partition.claim()
        assert (await submit(new, add())).attributes == counter("x", 2)
        assert (await submit(new, add())).attributes == counter("x", 2)
        await asyncio.wait([lost], timeout=PATIENCE_S * 2)
        lost.exception()
        assert world.content() == {b"x": counter("x", 2)}

    run(scenario())


@pytest.mark.parametrize("ending", [land_mutely, land_and_deny, lose, vanish])
def test_repeats_of_a_write_in_doubt_are_decided_with_it(ending: Landing) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        process.log.landing = ending
        answers = [process.partition.submit(add()) for _ in range(2)]
        await settle()
        process.log.landing = land
        answers.append(process.partition.submit(add()))
        outcomes: list[Outcome] = await asyncio.gather(*answers)
        assert {outcome.attributes for outcome in outcomes} == {counter("x", 2)}
        assert world.content() == {b"x": counter("x", 2)}
        assert process.failures == []

    run(scenario())


def test_a_condition_that_held_the_first_time_is_not_tried_again_and_one_that_did_not_is() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        first = await submit(process, put("1", condition=ABSENT))
        again = await submit(process, put("1", condition=ABSENT))
        held = len(image("x", "1"))
        assert again == msgspec.structs.replace(first, partition_bytes=held, reached=again.reached)
        with pytest.raises(ConditionalCheckFailedError):
            await submit(process, put("2", "id-2", ABSENT))
        await submit(process, DeleteItem(b"x", request_id="id-3"))
        await submit(process, put("2", "id-2", ABSENT))
        assert world.content() == {b"x": image("x", "2")}

    run(scenario())


ADD_TO_TEXT = UpdateItem(
    b"x", {"pk": {"S": "x"}}, Expression("ADD v :one", {}, {":one": {"N": "1"}}), request_id="id-1"
)


@pytest.mark.parametrize("stray", [put("2", condition=ABSENT), ADD_TO_TEXT])
def test_a_stray_first_message_does_nothing_once_a_repeat_was_refused(stray: PutItem | UpdateItem) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        repeat = msgspec.structs.replace(stray, again=True)
        errors = []
        for command in (repeat, repeat):
            with pytest.raises(RequestError) as refused:
                await submit(process, command)
            errors.append(str(refused.value))
        await submit(process, DeleteItem(b"x"))
        with pytest.raises(RequestError) as refused:
            await submit(process, stray)
        assert {*errors, str(refused.value)} == {errors[0]}
        assert world.content() == {}

    run(scenario())


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_stray_first_message_does_nothing_once_a_repeat_had_nothing_to_do(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.put("x", "1")
        put_again = msgspec.structs.replace(put("1"), again=True)
        delete_again = DeleteItem(b"y", request_id="id-2", again=True)
        assert (await submit(process, put_again)).attributes == image("x", "1")
        assert (await submit(process, delete_again)).timestamp_us > 0
        await process.put("x", "2")
        await process.put("y", "2")
        await submit(process, put("1"))
        await submit(process, DeleteItem(b"y", request_id="id-2"))
        assert world.content() == {b"x": image("x", "2"), b"y": image("y", "2")}

    run(scenario())


def test_a_repeat_without_an_id_is_like_any_other_request() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        await submit(process, msgspec.structs.replace(put_item("x", "1"), again=True))
        assert len(world.effects()) == 1

    run(scenario())


def test_a_repeated_delete_leaves_what_came_after_it() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        delete = DeleteItem(b"x", return_values="ALL_OLD", request_id="id-1")
        assert (await submit(process, delete)).attributes == image("x", "1")
        await process.put("x", "2")
        assert (await submit(process, delete)).attributes == image("x", "1")
        assert world.content() == {b"x": image("x", "2")}

    run(scenario())


def test_a_repeated_batch_does_what_it_did_not_do_and_nothing_twice() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("gone", "1")
        batch = [put("1"), put("1", pk="y"), DeleteItem(b"gone", request_id="id-1")]

        async def write(*commands: PutItem | DeleteItem) -> list[int]:
            answer: Outcomes = await process.partition.submit(WriteMany(LOG, list(commands)))
            return [outcome.timestamp_us for outcome in answer.outcomes]

        first = await write(batch[0], batch[2])
        for pk in ("x", "gone"):
            await process.put(pk, "another's")
        again = await write(*batch)
        assert [again[0], again[2]] == first
        assert again[1] > first[1]
        assert world.content() == {
            b"x": image("x", "another's"),
            b"y": image("y", "1"),
            b"gone": image("gone", "another's"),
        }

    run(scenario())


def test_batches_that_come_again_together_are_recalled_once_each() -> None:
    async def scenario() -> None:
        process = World().process("a")
        batch = WriteMany(LOG, [put("1"), put("1", pk="y")])
        first: Outcomes = await process.partition.submit(batch)
        await settle()
        process.log.reading_s, opened = 0.01, process.log.readers
        again: list[Outcomes] = await asyncio.wait_for(
            asyncio.gather(*(process.partition.submit(batch) for _ in range(2))), 1.0
        )
        assert [outcome.timestamp_us for answer in again for outcome in answer.outcomes] == 2 * [
            outcome.timestamp_us for outcome in first.outcomes
        ]
        assert process.log.readers - opened == len(again) * len(batch.commands)

    run(scenario())


def test_one_id_given_to_different_requests_keeps_none_of_them_from_being_carried_out() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        for value in ("1", "2", "3"):
            await submit(process, put(value))
            await settle()
        await submit(process, put("1", pk="y"))
        assert world.content() == {b"x": image("x", "3"), b"y": image("y", "1")}

    run(scenario())


def test_requests_without_an_id_are_never_taken_for_one_another() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        for _ in range(3):
            await submit(process, add(""))
        assert world.content() == {b"x": counter("x", 3)}

    run(scenario())


@pytest.mark.parametrize(("pause_us", "count"), [(WINDOW_US - 5_000_000, 1), (WINDOW_US + 5_000_000, 2)])
def test_a_request_is_known_for_ten_minutes(pause_us: int, count: int) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await submit(process, add())
        for _ in range(10):
            await asyncio.sleep(pause_us / 10 / 1e6)
            await process.put("y", "1")
        assert (await submit(process, add())).attributes == counter("x", count)

    run(scenario())


def test_a_repeat_whose_first_effect_cannot_be_read_is_neither_answered_nor_carried_out() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await submit(process, add())
        await settle()
        world.store.trim(LOG, world.store.end(LOG))
        with pytest.raises(OutcomeUnknownError):
            await submit(process, add())
        assert process.failures == []

    run(scenario())


def test_effects_carry_the_ids_of_their_requests() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await submit(process, add("id-7"))
        await process.add("x")
        assert [effect.request_id for effect in world.effects()] == ["id-7", ""]
        assert decode_image(world.content()[b"x"])["n"] == {"N": "2"}

    run(scenario())
