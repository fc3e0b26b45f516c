"""The change-topic contract in memory, and how its processes die."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from stator.adapters.changes_memory import MemoryChanges, MemoryChangeStore
from stator.model.changes import ChangeMessage
from stator.model.positions import LogId
from stator.ports.changes import Changes
from tests.contracts.changes_contract import ChangesContract, progress


class TestMemoryChanges(ChangesContract):
    @pytest.fixture(autouse=True)
    def _store(self) -> None:
        self.store = MemoryChangeStore()

    @asynccontextmanager
    async def opened(self, logs: Sequence[LogId]) -> AsyncIterator[Changes]:  # noqa: ARG002 memory needs no logs
        changes = MemoryChanges(self.store)
        yield changes
        await changes.close()

    async def visible(self, topic: str, partition: int) -> list[ChangeMessage]:
        return list(self.store.partition(topic, partition))


def test_nothing_of_a_killed_process_lands_or_returns() -> None:
    async def scenario() -> None:
        store = MemoryChangeStore()
        victim, survivor = MemoryChanges(store), MemoryChanges(store)
        appender = await victim.open(LogId(1))
        await appender.append([], progress(1))
        victim.kill()
        unheard = asyncio.ensure_future(appender.append([], progress(2)))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(unheard), 0.01)
        assert not unheard.done()
        unheard.cancel()
        assert (await survivor.open(LogId(1))).progress == progress(1)

    asyncio.run(scenario())
