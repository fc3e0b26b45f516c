"""The leader tells the log what its view comes to, and stops leading when that is not what the log comes to."""

import asyncio

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from services.leader.leadership import State
from stator.codec.log_records import decode_stamp
from stator.model.errors import DivergedError, NotLeaderError, OutcomeUnknownError
from stator.model.positions import Mark
from stator.model.records import Kind
from tests.unit.leader.world import Process, World, counter, land, lose
from tests.virtual_time import TURNS, run, settle


def stamps(world: World) -> list[Mark]:
    found = [decode_stamp(record) for _, record in world.accepted() if record.kind is Kind.BARRIER]
    return [stamp for stamp in found if stamp is not None]


async def write(process: Process, times: int) -> None:
    for _ in range(times):
        await process.add("x")
    await settle()


def test_a_leader_stamps_the_log_once_for_each_mark_that_its_view_takes() -> None:
    async def scenario() -> None:
        world = World()
        await write(world.process("a"), 70)
        assert [stamp.offset for stamp in stamps(world)] == [16, 32, 64]
        assert {stamp.items for stamp in stamps(world)} == {1}

    run(scenario())


def test_a_new_leader_stamps_what_the_last_one_left_unstamped_and_nothing_twice() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        await write(old, 16)
        assert [stamp.offset for stamp in stamps(world)] == [16]
        await write(old, 14)
        old.log.holding = True  # the stamp of 32
        old.add("x").add_done_callback(lambda done: done.exception())
        await settle()
        await new.partition.claim()
        await write(new, 2)
        assert [stamp.offset for stamp in stamps(world)] == [16, 32]

    run(scenario())


def test_a_stamp_whose_outcome_is_unknown_is_sent_again_under_the_next_claim() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await write(process, 15)
        process.log.landing = lose
        addition = process.add("x")
        await settle()
        process.log.landing = land
        await addition
        await write(process, 3)
        assert [stamp.offset for stamp in stamps(world)] == [16]
        assert world.content() == {b"x": counter("x", 19)}

    run(scenario())


def test_a_leader_whose_view_is_wrong_stops_leading_and_leads_again_with_a_view_made_anew() -> None:
    async def scenario() -> None:
        world = World(exclusive=True)
        process = world.process("a")
        await write(process, 40)
        partition, view = process.partition, process.partition.replica.view
        epoch, process.log.holding = partition.epoch, True
        on_the_way = process.add("x")
        await settle()
        view.apply([], replace(view.position, digest=5))
        partition.replica.distrust(DivergedError("its items do not add up"))
        assert partition.state is State.FOLLOWING
        with pytest.raises(OutcomeUnknownError):
            await on_the_way
        process.log.release()
        await process.add("x")
        assert partition.epoch > epoch
        assert partition.replica.rebuilds == 1
        assert world.content() == {b"x": counter("x", 42)}

    run(scenario())


def test_a_claim_on_its_way_makes_no_leader_of_who_has_lost_trust_in_its_view() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a", on_use=False)
        won = process.partition.claim()
        for _ in range(TURNS):
            if world.kinds():
                break
            await asyncio.sleep(0)
        process.partition.replica.distrust(DivergedError("its items do not add up"))
        assert await won is False
        await asyncio.sleep(1)
        assert process.partition.state is State.FOLLOWING
        with pytest.raises(NotLeaderError):
            await process.add("x")

    run(scenario())


def test_a_follower_that_is_disproved_does_not_claim_before_it_knows_the_log_again() -> None:
    async def scenario() -> None:
        world = World()
        leading, following = world.process("a", on_use=False), world.process("b", on_use=False)
        await leading.partition.claim()
        await write(leading, 10)
        view = following.partition.replica.view
        await settle()
        view.apply([], replace(view.position, digest=5))
        with capture_logs() as lines:
            await write(leading, 10)
            await asyncio.sleep(1)
        assert [line["event"] for line in lines] == ["replica_diverged", "replica_rebuilt"]
        assert view.position == leading.partition.replica.position

    run(scenario())
