"""Chance as a need: whatever must be unique or unpredictable comes in through here."""

from typing import Protocol


class IdSource(Protocol):
    """Fresh identifiers; seeded in the simulator."""

    def bits64(self) -> int:
        """A random unsigned 64-bit integer, never 0."""
        ...

    def request_id(self) -> str:
        """52 upper-case letters and digits, as in AWS's x-amzn-RequestId."""
        ...

    def uuid(self) -> str:
        """A random UUID in its usual text form."""
        ...

    def jitter(self, low: float, high: float) -> float:
        """A uniform number between the two, for back-off."""
        ...
