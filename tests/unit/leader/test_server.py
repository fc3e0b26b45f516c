"""Which partitions a process opens for whom."""

import pytest

from stator.model.errors import ResourceNotFoundError
from tests.unit.leader.world import LOG, World
from tests.virtual_time import run


def test_a_late_request_does_not_open_the_partition_of_a_deleted_table_again() -> None:
    async def scenario() -> None:
        process = World(exclusive=True).process("a")
        await process.put("x", "1")
        process.service.forget(LOG)
        with pytest.raises(ResourceNotFoundError):
            process.put("x", "2")
        assert process.service.led(LOG) is None
        assert process.service.partitions == {}
        assert process.failures == []

    run(scenario())


def test_one_that_was_never_used_is_not_opened_after_its_end_either() -> None:
    async def scenario() -> None:
        process = World(exclusive=True).process("a")
        process.service.forget(LOG)
        with pytest.raises(ResourceNotFoundError):
            process.put("x", "1")
        assert process.service.partitions == {}

    run(scenario())


def test_where_an_assignment_opens_partitions_what_was_forgotten_may_come_again() -> None:
    async def scenario() -> None:
        process = World().process("a", on_use=False)
        first = process.partition
        process.service.forget(LOG)
        assert process.partition is not first

    run(scenario())
