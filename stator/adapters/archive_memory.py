"""The archive as a dictionary: for tests and the simulator, which share one store between processes.

Every call yields to the loop once, so that code which forgets to await between two calls fails here too.
"""

import asyncio
from collections.abc import Sequence

from stator.ports.archive import ObjectNotFoundError


class MemoryArchive:
    """Objects in a dict. Hand several processes the same `objects` and they share one archive."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = {} if objects is None else objects

    async def put(self, name: str, data: bytes) -> None:
        """See ports/archive.py."""
        await _turn()
        self.objects[name] = bytes(data)

    async def get(self, name: str) -> bytes:
        """See ports/archive.py."""
        await _turn()
        try:
            return self.objects[name]
        except KeyError:
            raise ObjectNotFoundError(name) from None

    async def list(self, prefix: str) -> Sequence[str]:
        """See ports/archive.py."""
        await _turn()
        return sorted(name for name in self.objects if name.startswith(prefix))

    async def delete(self, name: str) -> None:
        """See ports/archive.py."""
        await _turn()
        self.objects.pop(name, None)


def _turn() -> "asyncio.Future[None]":
    """A future that is done in the loop's next turn."""
    loop = asyncio.get_running_loop()
    turn: asyncio.Future[None] = loop.create_future()
    loop.call_soon(_end, turn)
    return turn


def _end(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)
