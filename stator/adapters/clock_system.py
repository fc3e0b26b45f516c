"""The machine's own clock: the only file that reads it."""

import asyncio
import time

_RISING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts on while the machine sleeps, where the system has such a clock: a lease must not outlive a closed lid."""


class SystemClock:
    """Real time. `Clock` has the promises."""

    def now_us(self) -> int:
        """See `Clock.now_us`."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.clock_gettime(_RISING)

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)
