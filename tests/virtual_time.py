"""Scenarios in time that passes by itself: sleeping takes none, and one in which everybody waits for ever fails."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tests.simulation.loop import SimulatedLoop

TURNS = 20
"""Turns of the loop after which everything that needs no time has happened."""


def run(scenario: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(scenario)


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class LoopClock:
    """The simulated loop's time; `back_us` is how far somebody has put the wall clock back."""

    def __init__(self) -> None:
        self.back_us = 0

    def now_us(self) -> int:
        return 1_700_000_000_000_000 + round(self.monotonic() * 1e6) - self.back_us

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
