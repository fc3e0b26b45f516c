"""A clock that stands still until it is told to move: tests wait for nothing and decide what time it is."""

import asyncio
import heapq
from itertools import count

_START_US = 1_700_000_000_000_000


class ManualClock:
    """Virtual time. `Clock` has the promises; wall and monotonic time move together unless `step_wall` parts them."""

    def __init__(self, now_us: int = _START_US, monotonic: float = 0.0) -> None:
        self._wall_us = now_us - round(monotonic * 1_000_000)
        self._monotonic = monotonic
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_us(self) -> int:
        """See `Clock.now_us`."""
        return self._wall_us + round(self._monotonic * 1_000_000)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`. Zero or less yields to the loop once, like asyncio's own."""
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + max(0.0, seconds), next(self._order), sleeper))
        if seconds <= 0:
            self.advance(0)
        await sleeper

    def advance(self, seconds: float) -> None:
        """Let time pass, and release those whose sleep is over, in the order of their deadlines.

        They run on the loop's next turns. To let sleepers sleep again on the way, advance to one
        `next_wake` after the other.
        """
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    def next_wake(self) -> float | None:
        """When, in monotonic seconds, the next sleep is over; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def step_wall(self, seconds: float) -> None:
        """Let wall time jump, as an NTP correction does; nobody wakes."""
        self._wall_us += round(seconds * 1_000_000)
