"""A leader that hands its partition on loses nothing, and nobody waits for its lease; R11 of docs/protocol.md."""

import asyncio

import pytest

from services.leader.leadership import DRAIN_S, SUCCESSION_S, State
from stator.model.errors import NotLeaderError, OutcomeUnknownError
from stator.model.records import Kind
from stator.rules.lease import LEASE_S, RATE_ERROR
from tests.unit.leader.world import Process, World, counter, image, land, vanish
from tests.virtual_time import run, settle

WAIT_S = LEASE_S * (1 + RATE_ERROR)


async def leading(world: World, name: str) -> Process:
    process = world.process(name, on_use=False)
    await process.partition.claim()
    return process


def test_a_successor_answers_at_once_and_who_asked_meanwhile_is_sent_there() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old, new = await leading(world, "a"), world.process("b", on_use=False)
        await old.put("x", "1")
        began = asyncio.get_running_loop().time()
        new.service.on_release.append(lambda log_id, _: new.service.partitions[log_id].claim())
        assert new.partition.state is State.FOLLOWING
        old.log.holding = True
        before = old.put("x", "2")
        await settle()
        releasing = asyncio.ensure_future(old.partition.release())
        await settle()
        meanwhile = old.put("x", "3")
        old.log.release()
        assert (await before).timestamp_us > 0
        with pytest.raises(NotLeaderError) as sent:
            await meanwhile
        assert sent.value.hint == "b"
        await releasing
        await new.put("x", "3")
        assert asyncio.get_running_loop().time() == began
        assert world.content() == {b"x": image("x", "3")}
        assert [kind for kind in world.kinds() if kind is not Kind.EFFECT][-2:] == [Kind.RELEASE, Kind.CLAIM]

    run(scenario())


def test_nothing_is_read_or_written_in_an_epoch_once_it_is_released() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old = await leading(world, "a")
        await old.put("x", "1")
        releasing = asyncio.ensure_future(old.partition.release())
        await settle()
        assert old.partition.state is State.RELEASED
        asked = [old.put("x", "2"), asyncio.ensure_future(old.get("x"))]
        await settle()
        assert not any(answer.done() for answer in asked)
        assert world.kinds() == [Kind.CLAIM, Kind.EFFECT, Kind.RELEASE]
        await releasing
        for answer in asked:
            with pytest.raises(NotLeaderError):
                await answer
        assert old.partition.state is State.FOLLOWING

    run(scenario())


def test_a_leader_releases_only_once_it_is_ready_itself_and_has_answered() -> None:
    """Its successor would not wait for the lease of the leader before both."""

    async def scenario() -> None:
        world = World(by_lease=True)
        await leading(world, "a")
        began = asyncio.get_running_loop().time()
        process = await leading(world, "b")
        written = process.add("x")
        await settle()
        releasing = asyncio.ensure_future(process.partition.release())
        await asyncio.sleep(WAIT_S - 0.01)
        assert Kind.RELEASE not in world.kinds()
        assert not written.done()
        await releasing
        assert (await written).timestamp_us > 0
        assert Kind.RELEASE in world.kinds()
        assert asyncio.get_running_loop().time() - began <= WAIT_S + SUCCESSION_S + 0.1

    run(scenario())


def test_who_cannot_have_its_records_confirmed_releases_nothing_and_does_not_wait_for_ever() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = await leading(world, "a")
        await process.put("x", "1")
        process.log.landing = vanish
        lost = process.put("x", "2")
        await settle()
        began = asyncio.get_running_loop().time()
        await process.partition.release()
        assert asyncio.get_running_loop().time() - began <= DRAIN_S
        assert isinstance(lost.exception(), OutcomeUnknownError)
        assert Kind.RELEASE not in world.kinds()

    run(scenario())


def test_who_is_fenced_while_it_hands_on_releases_nothing() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old = await leading(world, "a")
        old.log.holding = True
        doomed = old.add("x")
        await settle()
        releasing = asyncio.ensure_future(old.partition.release())
        await settle()
        new = await leading(world, "b")
        with pytest.raises(NotLeaderError):
            await doomed
        await releasing
        old.log.release()
        await new.add("x")
        assert world.content() == {b"x": counter("x", 1)}
        assert Kind.RELEASE not in world.kinds()

    run(scenario())


def test_who_released_and_finds_no_successor_may_claim_again_without_a_wait() -> None:
    async def scenario() -> None:
        process = await leading(World(by_lease=True), "a")
        await process.put("x", "1")
        await process.partition.release()
        began = asyncio.get_running_loop().time()
        await process.partition.claim()
        await process.put("x", "2")
        assert asyncio.get_running_loop().time() == began

    run(scenario())


def test_who_hands_over_and_finds_nobody_takes_it_leads_on_and_nobody_hears_of_it() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = await leading(world, "a")
        await process.put("x", "1")
        began = asyncio.get_running_loop().time()
        handing_over = asyncio.ensure_future(process.partition.hand_over())
        await settle()
        meanwhile = process.put("x", "2")
        assert not await handing_over
        assert (await meanwhile).timestamp_us > 0
        assert asyncio.get_running_loop().time() - began <= SUCCESSION_S
        kinds = [kind for kind in world.kinds() if kind is not Kind.EFFECT]
        assert kinds == [Kind.CLAIM, Kind.BARRIER, Kind.RELEASE, Kind.CLAIM]

    run(scenario())


def test_what_is_in_doubt_when_a_partition_should_be_handed_over_is_found_out() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = await leading(world, "a")
        await process.put("x", "1")
        process.log.landing = vanish
        lost = process.add("y")
        await settle()
        handing_over = asyncio.ensure_future(process.partition.hand_over())
        await settle()
        process.log.landing = land
        assert not await handing_over
        assert (await lost).timestamp_us > 0
        assert world.content() == {b"x": image("x", "1"), b"y": counter("y", 1)}
        assert Kind.RELEASE not in world.kinds()

    run(scenario())


def test_a_release_that_is_read_as_history_moves_nobody() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old = await leading(world, "a")
        await old.partition.release()
        new = await leading(world, "b")
        await new.put("x", "1")
        told: list[int] = []
        late = world.process("c", on_use=False)
        late.service.on_release.append(lambda _, epoch: told.append(epoch))
        assert late.partition.state is State.FOLLOWING
        await settle()
        assert told == []

    run(scenario())
