"""Time as a need. Two notions, never mixed: wall time for what users see, monotonic time for durations."""

from typing import Protocol


class Clock(Protocol):
    """A process's own clock; the simulator gives each process a different one."""

    def now_us(self) -> int:
        """Wall time in microseconds since 1970 UTC. May step."""
        ...

    def monotonic(self) -> float:
        """Seconds that only rise, also while the machine is suspended. Differences only."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of monotonic time."""
        ...
