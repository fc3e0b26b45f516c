"""How long appends take and how many writes share one: what group commit is worth, in numbers."""

from collections.abc import Callable

from stator.runtime.meters import Meters
from stator.runtime.metric_names import APPEND_DURATION, GROUP_WRITES


class AppendMeter:
    """Of all partitions of one process: which of them is slow, their lag says."""

    def __init__(self, meters: Meters, monotonic: Callable[[], float]) -> None:
        self._duration = meters.distribution(APPEND_DURATION)
        self._writes = meters.distribution(GROUP_WRITES)
        self.now = monotonic

    def confirmed(self, began_at: float, writes: int) -> None:
        """A batch that was handed to the log at `began_at` (by `now`) is in it for good."""
        self._duration.observe(self.now() - began_at)
        if writes:  # barriers and definitions carry none
            self._writes.observe(writes)
