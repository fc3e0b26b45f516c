"""Reads by lease, and answers that wait for other leaders' leases: nobody is shown or told what another may not know yet."""

import asyncio

import pytest

from services.leader.leadership import State
from stator.model.errors import ConditionalCheckFailedError, NotLeaderError, OutcomeUnknownError
from stator.model.records import Kind
from stator.rules.commands import Get, Got, Page, Query
from stator.rules.lease import LEASE_S, RATE_ERROR
from tests.unit.leader.world import LOG, Process, World, counter, image, land_and_deny, lose
from tests.virtual_time import run, settle

ABSENT = "attribute_not_exists(pk)"
WAIT_S = LEASE_S * (1 + RATE_ERROR)


async def leading(world: World, name: str) -> Process:
    process = world.process(name, on_use=False)
    await process.partition.claim()
    return process


# --- reads ---------------------------------------------------------------------------------------------------


def test_while_its_lease_lasts_a_leader_reads_without_asking_the_log() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = await leading(world, "a")
        await process.put("x", "1")
        process.log.holding = True
        assert await process.get("x") == image("x", "1")
        page: Page = await process.partition.submit(Query(LOG, b"", None, reverse=False, limit=0))
        assert page.count == 1
        with pytest.raises(ConditionalCheckFailedError):
            await process.put("x", "2", ABSENT)
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT]

    run(scenario())


def test_a_read_by_lease_shows_nothing_that_is_not_confirmed() -> None:
    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        await process.put("x", "1")
        process.log.holding = True
        process.put("x", "2")
        await settle()
        assert await process.get("x") == image("x", "1")

    run(scenario())


def test_a_read_by_lease_waits_for_what_the_client_has_seen_elsewhere() -> None:
    """Any view shows a record that is in the log, though its leader may not have been told yet that it is."""

    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        await process.put("x", "1")
        process.log.holding = True
        process.put("x", "2")
        await settle()
        read = process.partition.submit(Get(LOG, b"x", reached=3))
        await settle()
        assert not read.done()
        process.log.release()
        got: Got = await read
        assert got.image == image("x", "2")

    run(scenario())


def test_a_refusal_that_rests_on_a_record_under_way_waits_for_it_whatever_the_lease() -> None:
    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        process.log.holding = True
        process.put("x", "1")
        refused = process.put("x", "2", ABSENT)
        await settle()
        assert not refused.done()
        process.log.release()
        with pytest.raises(ConditionalCheckFailedError):
            await refused

    run(scenario())


def test_a_read_after_the_lease_is_answered_behind_a_barrier_which_renews_it() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = await leading(world, "a")
        await process.put("x", "1")
        await asyncio.sleep(LEASE_S)
        process.log.holding = True
        read = asyncio.ensure_future(process.get("x"))
        await settle()
        assert not read.done()
        process.log.release()
        assert await read == image("x", "1")
        process.log.holding = True
        assert await process.get("x") == image("x", "1")
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT, Kind.BARRIER]

    run(scenario())


def test_a_lease_runs_from_when_its_record_was_sent_however_late_that_is_confirmed() -> None:
    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        await asyncio.sleep(LEASE_S)
        process.log.holding = True
        written = process.put("x", "1")
        await asyncio.sleep(LEASE_S * 0.9)
        process.log.release()
        await written
        process.log.holding = True
        assert await process.get("x") == image("x", "1")
        await asyncio.sleep(LEASE_S * 0.1)
        read = asyncio.ensure_future(process.get("x"))
        await settle()
        assert not read.done()
        process.log.release()
        await read

    run(scenario())


def test_who_only_reads_never_waits_for_the_log_and_an_idle_partition_appends_nothing() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = await leading(world, "a")
        await process.put("x", "1")
        for _ in range(100):
            answer = process.partition.submit(Query(LOG, b"", None, reverse=False, limit=0))
            assert answer.done()
            await asyncio.sleep(LEASE_S / 10)
        barriers = world.kinds().count(Kind.BARRIER)
        assert 5 <= barriers <= 20
        await asyncio.sleep(100 * LEASE_S)
        assert world.kinds().count(Kind.BARRIER) == barriers

    run(scenario())


def test_a_leader_that_has_not_heard_of_its_successor_reads_nothing_once_that_one_answers() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old = await leading(world, "a")
        await old.put("x", "old")
        follower = old.service._followers[LOG]
        follower.cancel()  # it reads nothing of the log any more
        new = await leading(world, "b")
        await asyncio.wait([new.put("x", "new")])
        old.log.holding = True
        read = asyncio.ensure_future(old.get("x"))
        await settle()
        assert old.partition.state is State.LEADING
        assert not read.done()
        read.cancel()

    run(scenario())


# --- answers -------------------------------------------------------------------------------------------------


def test_a_new_leader_writes_at_once_and_answers_when_its_predecessors_lease_is_over() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old = await leading(world, "a")
        await old.put("x", "old")
        loop = asyncio.get_running_loop()
        began = loop.time()
        new = await leading(world, "b")
        answers = [
            new.put("x", "new"),
            new.partition.submit(Query(LOG, b"", None, reverse=False, limit=0)),
            new.put("x", "newer", ABSENT),
        ]
        await settle()
        assert world.content() == {b"x": image("x", "new")}
        assert not any(answer.done() for answer in answers)
        await asyncio.wait(answers)
        assert WAIT_S <= loop.time() - began <= WAIT_S + 0.1
        assert isinstance(answers[2].exception(), ConditionalCheckFailedError)

    run(scenario())


def test_the_first_leader_of_a_log_answers_at_once() -> None:
    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        began = asyncio.get_running_loop().time()
        await process.put("x", "1")
        assert asyncio.get_running_loop().time() == began

    run(scenario())


def test_a_leader_in_doubt_answers_at_once_once_it_claimed_over_its_own_epoch() -> None:
    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        process.log.landing = land_and_deny
        began = asyncio.get_running_loop().time()
        await process.put("x", "1")
        assert asyncio.get_running_loop().time() == began

    run(scenario())


def test_claiming_over_its_own_epoch_does_not_shorten_a_leaders_wait() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        await leading(world, "a")
        began = asyncio.get_running_loop().time()
        new = await leading(world, "b")
        new.log.landing = lose
        written = new.add("x")
        await settle()
        new.log.landing = land_and_deny
        await written
        assert WAIT_S <= asyncio.get_running_loop().time() - began <= WAIT_S + 0.1
        assert world.content() == {b"x": counter("x", 1)}

    run(scenario())


def test_who_led_before_and_was_fenced_meanwhile_waits_again() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        one = await leading(world, "a")
        await leading(world, "b")
        began = asyncio.get_running_loop().time()
        await one.partition.claim()
        await one.put("x", "1")
        assert asyncio.get_running_loop().time() - began >= WAIT_S

    run(scenario())


def test_what_waits_for_its_answer_is_answered_in_time_also_by_a_leader_that_was_fenced() -> None:
    """Its record counts; asking elsewhere would have it done twice."""

    async def scenario() -> None:
        world = World(by_lease=True)
        await leading(world, "a")
        old = await leading(world, "b")
        written, read = old.add("x"), asyncio.ensure_future(old.get("x"))
        await settle()
        began = asyncio.get_running_loop().time()
        new = await leading(world, "c")
        later = new.add("x")
        await settle()
        with pytest.raises(NotLeaderError):
            await old.put("y", "1")
        assert (await written).timestamp_us > 0
        assert await read == counter("x", 1)
        assert asyncio.get_running_loop().time() - began <= WAIT_S
        await later
        assert world.content() == {b"x": counter("x", 2)}

    run(scenario())


def test_who_still_waits_when_the_process_stops_is_told_that_the_outcome_is_unknown() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        await leading(world, "a")
        process = await leading(world, "b")
        written = process.put("x", "1")
        await settle()
        process.partition.resign(NotLeaderError(None))
        assert isinstance(written.exception(), OutcomeUnknownError)
        await asyncio.sleep(2 * WAIT_S)
        assert process.failures == []

    run(scenario())


def test_by_barriers_nobody_waits_for_anybodys_lease() -> None:
    async def scenario() -> None:
        world = World()
        await leading(world, "a")
        new = await leading(world, "b")
        began = asyncio.get_running_loop().time()
        await new.put("x", "1")
        got: Got = await new.partition.submit(Query(LOG, b"", None, reverse=False, limit=0))
        assert got is not None
        assert asyncio.get_running_loop().time() == began
        assert world.kinds()[-1] is Kind.BARRIER

    run(scenario())
