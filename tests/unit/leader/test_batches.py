"""Many writes of one request: decided together, carried by one record, and answered when that is confirmed."""

import asyncio

import pytest

from services.leader.group_commit import RECORD_BYTES_MAX
from services.leader.leadership import State
from stator.rules.commands import DeleteItem, GetMany, GotMany, Outcomes, PutItem, WriteMany
from tests.unit.leader.world import LOG, Landing, Process, World, image, land, land_and_deny, lose, put_item, vanish
from tests.virtual_time import run, settle


def write(process: Process, *commands: PutItem | DeleteItem) -> "asyncio.Future[Outcomes]":
    return process.partition.submit(WriteMany(LOG, list(commands)))


async def get(process: Process, *keys: bytes) -> list[bytes | None]:
    got: GotMany = await process.partition.submit(GetMany(LOG, list(keys)))
    return got.images


@pytest.mark.parametrize("exclusive", [True, False])
def test_one_request_is_one_record_and_each_write_has_a_version_of_its_own(*, exclusive: bool) -> None:
    async def scenario() -> None:
        world = World(exclusive=exclusive)
        process = world.process("a")
        await process.put("c", "old")
        answer = await write(process, put_item("a", "1"), put_item("b", "2"), DeleteItem(b"c"))
        assert [len(batch) for batch in world.batches()] == [1, 3]
        assert [outcome.timestamp_us for outcome in answer.outcomes] == [
            effect.timestamp_us for effect in world.batches()[1]
        ]
        assert len({outcome.timestamp_us for outcome in answer.outcomes}) == 3
        assert world.content() == {b"a": image("a", "1"), b"b": image("b", "2")}
        assert await get(process, b"b", b"c", b"a") == [image("b", "2"), None, image("a", "1")]

    run(scenario())


def test_writes_that_change_nothing_are_not_logged_and_yet_wait_for_what_they_show() -> None:
    async def scenario() -> None:
        world = World(exclusive=True)
        process = world.process("a")
        await process.put("a", "0")
        process.log.holding = True
        under_way = process.put("b", "1")
        await settle()
        repeated = write(process, put_item("a", "0"), put_item("b", "1"), DeleteItem(b"none"))
        await settle()
        assert not repeated.done()
        process.log.release()
        await under_way
        assert len((await repeated).outcomes) == 3
        assert len(world.effects()) == 2

    run(scenario())


@pytest.mark.parametrize("ending", [lose, land_and_deny, vanish])
def test_a_doubtful_batch_takes_effect_once_and_whole(ending: Landing) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        await process.partition.claim()
        process.log.landing = ending
        answer = write(process, put_item("a", "1"), put_item("b", "2"))
        await settle()
        process.log.landing = land
        assert len((await answer).outcomes) == 2
        assert [len(batch) for batch in world.batches()] == [2]
        assert process.failures == []

    run(scenario())


def test_what_does_not_fit_into_one_record_is_left_undone_and_said_so() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        third = "x" * (RECORD_BYTES_MAX // 3)
        answer = await write(process, *(put_item(key, third) for key in "abcd"))
        assert len(answer.outcomes) == 2
        assert set(world.content()) == {b"a", b"b"}
        alone = await write(process, put_item("e", "x" * (RECORD_BYTES_MAX + 1)))
        assert len(alone.outcomes) == 1
        assert process.partition.state is State.LEADING

    run(scenario())
