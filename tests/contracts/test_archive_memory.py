import asyncio
from collections.abc import Awaitable, Callable

from stator.adapters.archive_memory import MemoryArchive
from stator.ports.archive import Archive
from tests.contracts.archive_contract import ArchiveContract, Result


class TestMemoryArchive(ArchiveContract):
    def opened(self, scenario: Callable[[Archive], Awaitable[Result]]) -> Result:
        async def run() -> Result:
            return await scenario(MemoryArchive())

        return asyncio.run(run())


def test_two_handles_on_one_store_share_their_objects() -> None:
    async def run() -> bytes:
        writer = MemoryArchive()
        await writer.put("name", b"data")
        return await MemoryArchive(writer.objects).get("name")

    assert asyncio.run(run()) == b"data"
