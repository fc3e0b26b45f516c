"""One writer per partition, whatever the log says, does, or keeps to itself; every request answered once and rightly."""

import asyncio
import random

import pytest

from services.leader.leadership import State
from stator.codec.log_records import decode_define, encode_base
from stator.model.errors import (
    ConditionalCheckFailedError,
    NotLeaderError,
    OutcomeUnknownError,
    ServiceUnavailableError,
)
from stator.model.positions import Offset, TimestampUs
from stator.model.records import Base, Kind
from stator.rules.commands import Close, Closed, Define, Get, Page, Query
from tests.unit.leader.world import (
    LOG,
    Landing,
    World,
    counter,
    image,
    land,
    land_and_deny,
    land_mutely,
    land_without_offset,
    lose,
    vanish,
)
from tests.virtual_time import run, settle

ABSENT = "attribute_not_exists(pk)"


# --- becoming leader -----------------------------------------------------------------------------------------


def test_a_partition_is_claimed_when_it_is_first_used() -> None:
    async def scenario() -> None:
        world = World()
        await world.process("a").put("x", "1")
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT]
        assert world.content() == {b"x": image("x", "1")}

    run(scenario())


def test_a_process_that_was_not_told_to_lead_refuses_and_writes_nothing() -> None:
    async def scenario() -> None:
        world = World()
        with pytest.raises(NotLeaderError):
            await world.process("a", on_use=False).put("x", "1")
        assert world.kinds() == []

    run(scenario())


def test_a_new_leader_sees_everything_its_predecessor_acknowledged() -> None:
    async def scenario() -> None:
        world = World()
        await world.process("a").put("x", "1")
        successor = world.process("b")
        with pytest.raises(ConditionalCheckFailedError):
            await successor.put("x", "2", ABSENT)
        assert await successor.get("x") == image("x", "1")

    run(scenario())


def test_of_two_that_claim_at_once_one_leads() -> None:
    async def scenario() -> None:
        world = World()
        one, other = world.process("a", on_use=False), world.process("b", on_use=False)
        won = await asyncio.gather(one.partition.claim(), other.partition.claim())
        await settle()
        states = [one.partition.state, other.partition.state]
        assert sorted(state.value for state in states) == ["following", "leading"]
        assert any(won)

    run(scenario())


# --- fencing -------------------------------------------------------------------------------------------------


def test_a_fenced_leader_tells_who_leads_and_its_late_records_count_for_nothing() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        old.log.holding = True
        doomed = old.put("x", "from a")
        await settle()
        await new.partition.claim()
        with pytest.raises(NotLeaderError) as refused:
            await doomed
        assert refused.value.hint == "b"
        await new.put("x", "from b")
        old.log.release()
        await settle()
        assert world.content() == {b"x": image("x", "from b")}
        assert old.partition.state is State.FOLLOWING

    run(scenario())


def test_what_landed_before_the_new_claim_is_acknowledged_and_not_done_again() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        old.log.landing = land_mutely
        outcome = old.add("x")
        await settle()
        await new.partition.claim()
        assert (await outcome).timestamp_us > 0
        assert world.content() == {b"x": counter("x", 1)}

    run(scenario())


# --- doubt ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [lose, land_and_deny, land_mutely, vanish, land_without_offset])
def test_every_doubtful_write_takes_effect_exactly_once(ending: Landing) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        process.log.landing = ending
        additions = [process.add("x") for _ in range(5)]
        await settle()
        process.log.landing = land
        await asyncio.gather(*additions)
        assert world.content() == {b"x": counter("x", 6)}
        assert process.failures == []

    run(scenario())


@pytest.mark.parametrize("seed", range(20))
def test_whatever_mixture_of_endings_counters_are_exact(seed: int) -> None:
    async def scenario() -> None:
        world, dice = World(), random.Random(seed)
        process = world.process("a")
        endings = [land, land, lose, land_and_deny, land_mutely, vanish, land_without_offset]
        process.log.landing = lambda *append: dice.choice(endings)(*append)  # noqa: PLW0108 - another one each time
        additions = []
        for _ in range(40):
            additions.append(process.add("x"))
            await asyncio.sleep(dice.choice([0, 0, 0.01]))
        await asyncio.gather(*additions)
        assert world.content() == {b"x": counter("x", 40)}

    run(scenario())


def test_a_doubtful_record_that_lands_after_the_claim_is_not_applied_twice() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        process.log.holding = True
        addition = process.add("x")
        await settle()
        (held,) = process.log.on_the_wire
        process.log.holding = False
        lose(process.log, *held)
        await addition
        process.log.release()
        await settle()
        assert world.content() == {b"x": counter("x", 2)}

    run(scenario())


def test_requests_that_come_while_a_doubt_is_resolved_wait_for_the_claim() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        process.log.landing = lose
        first = process.add("x")
        await settle()
        process.log.landing = land
        second = process.add("x")
        await asyncio.gather(first, second)
        assert world.content() == {b"x": counter("x", 3)}

    run(scenario())


# --- answers that wrote nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_refused_condition_waits_for_the_record_it_depends_on(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.put("other", "1")
        process.log.holding = True
        written = process.put("x", "1")
        await settle()
        refused = process.put("x", "2", ABSENT)
        await settle()
        assert not refused.done()
        process.log.release()
        await written
        with pytest.raises(ConditionalCheckFailedError):
            await refused

    run(scenario())


def test_a_refusal_is_decided_again_when_what_it_depended_on_never_happened() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        old.log.holding = True
        old.put("x", "1").add_done_callback(lambda done: done.exception())
        refused = old.put("x", "2", ABSENT)
        await settle()
        await new.partition.claim()
        with pytest.raises(NotLeaderError):
            await refused
        await new.put("x", "2", ABSENT)
        assert world.content() == {b"x": image("x", "2")}

    run(scenario())


def test_a_strong_read_waits_for_a_barrier_of_its_own() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        process.log.holding = True
        reads = [asyncio.ensure_future(process.get("x")) for _ in range(3)]
        await settle()
        assert not any(read.done() for read in reads)
        process.log.release()
        assert await asyncio.gather(*reads) == [image("x", "1")] * 3
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT, Kind.BARRIER]

    run(scenario())


def test_a_fenced_leader_answers_no_strong_read() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        await old.put("x", "old")
        old.log.holding = True
        read = asyncio.ensure_future(old.get("x"))
        await settle()
        await new.partition.claim()
        await new.put("x", "new")
        with pytest.raises(NotLeaderError):
            await read

    run(scenario())


def test_on_an_exclusive_log_a_read_appends_nothing_and_shows_only_what_is_confirmed() -> None:
    async def scenario() -> None:
        world = World(exclusive=True)
        process = world.process("a")
        await process.put("x", "1")
        process.log.holding = True
        process.put("x", "2")
        await settle()
        assert await process.get("x") == image("x", "1")
        process.log.release()
        await settle()
        assert await process.get("x") == image("x", "2")
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT, Kind.EFFECT]

    run(scenario())


def test_a_strong_query_shows_every_acknowledged_write() -> None:
    async def scenario() -> None:
        process = World().process("a")
        for number in range(5):
            await process.put(f"x{number}", "1")
            page: Page = await process.partition.submit(Query(LOG, b"", None, reverse=False, limit=0))
            assert page.count == number + 1

    run(scenario())


def test_a_write_that_changes_nothing_logs_nothing() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        await process.put("x", "1")
        assert len(world.effects()) == 1

    run(scenario())


def test_writes_see_the_undecided_writes_before_them() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        process.log.holding = True
        additions = [process.add("x") for _ in range(10)]
        await settle()
        process.log.release()
        await asyncio.gather(*additions)
        assert world.content() == {b"x": counter("x", 11)}

    run(scenario())


# --- time ----------------------------------------------------------------------------------------------------


def test_timestamps_rise_although_the_clock_goes_back_and_the_leader_changes() -> None:
    async def scenario() -> None:
        world = World()
        one, other = world.process("a"), world.process("b", on_use=False)
        await one.put("x", "1")
        one.clock.back_us = 3_600_000_000
        await one.put("x", "2")
        other.clock.back_us = 7_200_000_000
        await other.partition.claim()
        await other.put("x", "3")
        times = [record.timestamp_us for _, record in world.accepted()]
        assert times == sorted(set(times))

    run(scenario())


def test_after_a_close_no_write_carries_a_timestamp_up_to_the_one_it_told() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        process.clock.back_us = 3_600_000_000
        closed: Closed = await process.partition.submit(Close(LOG))
        await process.put("x", "2")
        later = [effect.timestamp_us for effect in world.effects()][1:]
        assert all(timestamp_us > closed.timestamp_us for timestamp_us in later)
        assert closed.offset == 3
        assert world.kinds()[2] is Kind.BARRIER

    run(scenario())


# --- leading on demand, and definitions ----------------------------------------------------------------------


def definition(revision: int) -> bytes:
    return b'{"revision":%d}' % revision


def definitions(world: World) -> list[bytes]:
    return [decode_define(record) for _, record in world.accepted() if record.kind is Kind.DEFINE]


def test_a_log_is_given_its_base_and_definition_once() -> None:
    async def scenario() -> None:
        world = World()
        base = encode_base(Base("snapshots/1.snap", bytes(32), 0, TimestampUs(5)))
        lead = Define(LOG, definition(0), base)
        for name in ("a", "b", "b"):
            await world.process(name, on_use=False).partition.lead(lead)
        assert [kind for kind in world.kinds() if kind is not Kind.CLAIM] == [Kind.BASE, Kind.DEFINE]
        assert {shown.snapshot_object for shown in world.bases} == {"snapshots/1.snap"}

    run(scenario())


def test_a_table_may_be_defined_again_by_the_leader_that_defined_it() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a", on_use=False)
        for revision in (0, 1, 1, 2):
            await process.partition.lead(Define(LOG, definition(revision)))
        assert definitions(world) == [definition(0), definition(1), definition(2)]
        assert process.partition.replica.position.definition == definition(2)

    run(scenario())


def test_a_definition_that_comes_late_does_not_undo_a_later_one() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.lead(Define(LOG, definition(0)))
        await old.partition.submit(Define(LOG, definition(2)))
        await old.partition.submit(Define(LOG, definition(1)))
        await new.partition.claim()
        await new.partition.submit(Define(LOG, definition(1)))
        assert definitions(world) == [definition(0), definition(2)]

    run(scenario())


def test_a_definition_is_told_once_it_is_confirmed_also_to_who_asks_for_it_again() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        process.log.holding = True
        asked = [process.partition.submit(Define(LOG, definition(revision))) for revision in (1, 1, 0)]
        await settle()
        assert not any(answer.done() for answer in asked)
        process.log.release()
        await asyncio.gather(*asked)
        assert definitions(world) == [definition(1)]

    run(scenario())


def test_a_definition_in_doubt_is_appended_again_only_if_it_was_lost() -> None:
    async def scenario(landing: Landing) -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        process.log.landing = landing
        told = process.partition.submit(Define(LOG, definition(1)))
        await settle()
        process.log.landing = land
        await told
        assert definitions(world) == [definition(1)]

    run(scenario(lose))
    run(scenario(land_and_deny))


def test_who_does_not_lead_defines_nothing() -> None:
    async def scenario() -> None:
        world = World()
        leader, other = world.process("a", on_use=False), world.process("b", on_use=False)
        await leader.partition.claim()
        await other.partition.replica.reached(Offset(0))
        with pytest.raises(NotLeaderError):
            await other.partition.submit(Define(LOG, definition(1)))
        assert world.kinds() == [Kind.CLAIM]

    run(scenario())


# --- ending --------------------------------------------------------------------------------------------------


def test_resigning_answers_everybody_and_calls_nothing_undone_that_may_be_in_the_log() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "0")
        process.log.holding = True
        sent = process.put("x", "1")
        await settle()
        unsent = process.put("y", "1")
        process.partition.resign(ServiceUnavailableError("stopping"))
        process.log.release()
        await settle()
        assert isinstance(sent.exception(), OutcomeUnknownError)
        assert isinstance(unsent.exception(), ServiceUnavailableError)
        assert world.content() == {b"x": image("x", "1")}

    run(scenario())


def test_a_forgotten_partition_is_not_claimed_any_more() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.add("x")
        process.log.away = True
        process.log.landing = lose
        doubtful = process.add("x")
        await settle()
        assert process.partition.state is State.CLAIMING
        process.service.forget(LOG)
        assert isinstance(doubtful.exception(), OutcomeUnknownError)
        await settle()
        process.log.away = False
        await asyncio.sleep(60)
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT]
        assert process.failures == []

    run(scenario())


def test_a_damaged_partition_answers_and_leaves_the_process_alive() -> None:
    async def scenario() -> None:
        world = World()
        world.store.land(LOG, b"not a record")
        process = world.process("a")
        with pytest.raises(NotLeaderError):  # it may have been the view
            await process.put("x", "1")
        with pytest.raises(OutcomeUnknownError, match="damaged"):
            await process.put("x", "1")
        assert process.failures == []

    run(scenario())


def test_a_leader_whose_log_is_damaged_under_it_acknowledges_nothing_more() -> None:
    """Delivery reports alone would go on confirming what its own reader can no longer check."""

    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.put("x", "1")
        world.store.land(LOG, b"not a record")
        await settle()
        for ask in (lambda: process.put("x", "2"), lambda: process.partition.submit(Close(LOG))):
            with pytest.raises(OutcomeUnknownError, match="damaged"):
                await ask()
        assert process.failures == []

    run(scenario())


def test_a_read_only_question_is_answered_by_the_view() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        got = await process.partition.submit(Get(LOG, b"nobody"))
        assert got.image is None

    run(scenario())
