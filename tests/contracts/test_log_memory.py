import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.model.positions import LogId, Offset
from stator.ports.log import Log
from tests.contracts.log_contract import LogContract, appended, does_not_finish, offsets_of

ONE = LogId(1)


class TestMemoryLog(LogContract):
    @pytest.fixture(autouse=True)
    def _store(self) -> None:
        self.store = MemoryLogStore()

    def opened(self) -> AbstractAsyncContextManager[Log]:
        @asynccontextmanager
        async def opening() -> AsyncIterator[Log]:
            log = MemoryLog(self.store)
            yield log
            await log.close()

        return opening()


def test_two_processes_see_one_log() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        one, other = MemoryLog(store), MemoryLog(store)
        await one.create([ONE])
        assert await offsets_of(one, ONE, [b"a"]) == [0]
        assert await offsets_of(other, ONE, [b"b"]) == [1]
        reader = one.read(ONE, Offset(0))
        assert [message.data for message in await reader.read()] == [b"a", b"b"]

    asyncio.run(scenario())


def test_a_killed_process_hears_nothing_but_its_append_has_landed() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        victim, survivor = MemoryLog(store), MemoryLog(store)
        await victim.create([ONE])
        unheard = appended(victim, ONE, b"landed")
        victim.kill()
        unsent = appended(victim, ONE, b"never left the process")
        assert await does_not_finish(unheard)
        assert await does_not_finish(unsent)
        assert await survivor.end(ONE) == 1

    asyncio.run(scenario())


def test_the_reads_of_a_killed_process_never_return() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        victim, survivor = MemoryLog(store), MemoryLog(store)
        await victim.create([ONE])
        reader = victim.read(ONE, Offset(0))
        waiting = asyncio.ensure_future(reader.read())
        await asyncio.sleep(0)
        victim.kill()
        await offsets_of(survivor, ONE, [b"a"])
        assert await does_not_finish(waiting)
        assert await does_not_finish(victim.end(ONE))

    asyncio.run(scenario())
