"""What a process can tell about itself to whoever runs it: is it well, what does it count, where does it stand."""

from collections.abc import Awaitable, Callable
from typing import Any

from stator.runtime.health import Health
from stator.runtime.meters import Meters

Status = Callable[[], Awaitable[Any]]
"""What `/status` answers: anything msgspec can encode."""


class Vitals:
    """One process's. `node` is its name and `role` what it does, both as the cluster's settings name them."""

    def __init__(self, node: str, role: str) -> None:
        self.node = node
        self.role = role
        self.health = Health()
        self.meters = Meters()
        self.status: Status = self._verdict

    async def _verdict(self) -> Any:
        return await self.health.verdict()
