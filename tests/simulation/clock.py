"""One machine's clock: it runs a little fast or slow, and its wall time is wrong by a little, and may be set."""

import asyncio

from tests.simulation.loop import SimulatedLoop

START_US = 1_700_000_000_000_000


class SimulatedClock:
    """See `ports/clock.Clock`."""

    def __init__(self, loop: SimulatedLoop, *, skew_s: float, rate: float) -> None:
        self._loop = loop
        self._rate = rate
        self._wall_us = START_US + round(skew_s * 1_000_000)

    def now_us(self) -> int:
        """See `Clock.now_us`."""
        return self._wall_us + round(self._loop.time() * self._rate * 1_000_000)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._loop.time() * self._rate

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds / self._rate)

    def step(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._wall_us += round(seconds * 1_000_000)
