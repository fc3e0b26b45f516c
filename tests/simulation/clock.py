"""One machine's clock: it runs a little fast or slow, in turns, and its wall time is wrong by a little, and may be set."""

from stator.rules.lease import RATE_ERROR
from tests.simulation.loop import SimulatedLoop

RATES = (1.0 - RATE_ERROR, 1.0 + RATE_ERROR)
"""As slow and as fast as any clock may be."""

START_US = 1_700_000_000_000_000


class SimulatedClock:
    """See `ports/clock.Clock`."""

    def __init__(self, loop: SimulatedLoop, *, skew_s: float, rate: float) -> None:
        self._loop = loop
        self._rate = rate
        self._since = 0.0
        self._ticked = 0.0
        """What had passed on it by `_since`, when its rate changed last."""
        self._wall_us = START_US + round(skew_s * 1_000_000)

    def now_us(self) -> int:
        """See `Clock.now_us`."""
        return self._wall_us + round(self.monotonic() * 1_000_000)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._ticked + (self._loop.time() - self._since) * self._rate

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await self._loop.pause(seconds / self._rate)

    def drift(self, rate: float) -> None:
        """From now on it runs at another rate."""
        self._ticked, self._since, self._rate = self.monotonic(), self._loop.time(), rate

    def step(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._wall_us += round(seconds * 1_000_000)
