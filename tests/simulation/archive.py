"""The archive over a bad line: calls fail, and a put that failed may have happened."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from stator.adapters.archive_memory import MemoryArchive


class _Shared(Protocol):
    archive_objects: dict[str, bytes]
    archive_trouble: float


class FaultyArchive:
    """See `ports/archive.Archive`."""

    def __init__(self, shared: _Shared, dice: Random) -> None:
        self._shared = shared
        self._dice = dice
        self._archive = MemoryArchive(shared.archive_objects)

    def _trouble(self) -> None:
        if self._dice.random() < self._shared.archive_trouble:
            raise OSError("the archive is away")

    async def put(self, name: str, data: bytes) -> None:
        """See `Archive.put`."""
        self._trouble()
        await self._archive.put(name, data)
        self._trouble()

    async def get(self, name: str) -> bytes:
        """See `Archive.get`."""
        self._trouble()
        return await self._archive.get(name)

    async def list(self, prefix: str) -> Sequence[str]:
        """See `Archive.list`."""
        self._trouble()
        return await self._archive.list(prefix)

    async def delete(self, name: str) -> None:
        """See `Archive.delete`."""
        self._trouble()
        await self._archive.delete(name)
