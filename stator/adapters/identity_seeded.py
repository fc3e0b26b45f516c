"""Identifiers drawn from a given `random.Random`, so that one seed gives one run."""

from random import Random
from uuid import UUID

_REQUEST_ID_CHARS = 52
"""As many as AWS's have. Hexadecimal digits are all among theirs, and cheap: every answer carries one."""


class SeededIds:
    """Fresh identifiers. `IdSource` has the promises."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def bits64(self) -> int:
        """See `IdSource.bits64`."""
        return self._rng.getrandbits(64) or 1

    def request_id(self) -> str:
        """See `IdSource.request_id`."""
        return f"{self._rng.getrandbits(4 * _REQUEST_ID_CHARS):0{_REQUEST_ID_CHARS}X}"

    def uuid(self) -> str:
        """See `IdSource.uuid`."""
        return str(UUID(bytes=self._rng.randbytes(16), version=4))

    def jitter(self, low: float, high: float) -> float:
        """See `IdSource.jitter`."""
        return self._rng.uniform(low, high)
