"""What lies between processes: every request and every answer takes its time, and may get lost. Nothing comes twice:
peers are connections."""

import asyncio
from random import Random

from stator.adapters.peers_memory import Deliver
from tests.simulation.loop import Owner


class Network:
    """The `carry` of a `MemoryNetwork`. `trouble` is the share of messages that are lost or late."""

    def __init__(self, dice: Random) -> None:
        self.trouble = 0.0
        self.owners: dict[str, Owner] = {}
        """Who runs under a name now."""
        self._dice = dice
        self._loop = asyncio.get_running_loop()
        self._deaf: dict[tuple[str, str], float] = {}

    def part(self, source: str, target: str, seconds: float) -> None:
        """Nothing gets from one process to another for a while; the other way is open."""
        self._deaf[source, target] = self._loop.time() + seconds

    def clear(self) -> None:
        """All is well."""
        self.trouble = 0.0
        self._deaf.clear()

    def carry(self, source: str, target: str, deliver: Deliver) -> None:
        """See `peers_memory.Carry`."""
        if self._deaf.get((source, target), 0.0) > self._loop.time():
            return
        delay = self._dice.uniform(0.0002, 0.002)
        if self._dice.random() < self.trouble:
            if self._dice.random() < 0.5:
                return
            delay += self._dice.uniform(0.0, 3.0)
        # It is for who runs under that name now. Whoever comes after a crash does not know what it is about.
        owner = self.owners.get(target)
        if owner is not None:
            self._loop.call_later(delay, deliver, context=owner.context)
