"""How far a client has seen the logs: what its request says, and what the answer adds (decision 0020).

A client that sends back the newest position it was told reads its own writes and never an older state than before, from
whatever view answers.
"""

from collections.abc import Collection

from stator.codec.position_tokens import decode_positions, encode_positions
from stator.model.positions import LogId, Offset

POSITION_HEADER = "x-stator-position"


class Positions:
    """Of one request."""

    __slots__ = ("_changed", "_reached")

    def __init__(self, given: str | None) -> None:
        """`given`: the request's header. Raises ValidationError when that is no token of ours."""
        self._reached = {} if given is None else decode_positions(given)
        self._changed = False

    def reached(self, log_id: LogId) -> Offset:
        """What the client has seen of a log lies below."""
        return self._reached.get(log_id, Offset(0))

    def among(self, logs: Collection[LogId]) -> dict[int, int]:
        """The same for those of these logs that the client has seen anything of."""
        return {log_id: reached for log_id, reached in self._reached.items() if log_id in logs}

    def saw(self, log_id: LogId, reached: int) -> None:
        """An answer shows what lies below `reached` (0: it does not say).

        It counts also when it is less than before: whoever answers has everything that the client can have seen, so a greater
        position is of another deployment.
        """
        if reached:
            self._reached.pop(log_id, None)  # the newest come last: a token keeps those
            self._reached[log_id] = Offset(reached)
            self._changed = True

    def token(self) -> str:
        """What to tell the client; empty when nothing was seen."""
        return encode_positions(self._reached) if self._changed else ""
