"""Client tokens of transactions that this router has had carried out: finds out who gives one token to different transactions.

Only partitions and the ledger know for sure what was done, and they alone keep anything from being done twice. But each knows of
its own transactions only, and a token given again to one of other partitions would go unnoticed there.
"""

from collections import OrderedDict
from collections.abc import Callable

from stator.model.errors import IdempotentParameterMismatchError
from stator.rules.request_tokens import WINDOW_US

TOKENS_MAX = 10_000
"""Remembered at once, some 2 MB; more are only forgotten sooner."""


class ClientTokens:
    """Tokens and what they stand for, the oldest first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._used: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def check(self, token: str, request_hash: bytes) -> None:
        """Raises IdempotentParameterMismatchError if the token was used within the window for another request."""
        used = self._used.get(token)
        if used is None or used[1] == request_hash:
            return
        if self._monotonic() - used[0] <= WINDOW_US / 1e6:
            raise IdempotentParameterMismatchError

    def use(self, token: str, request_hash: bytes) -> None:
        """A transaction with this token has been carried out."""
        used = self._used.get(token)
        if used is None or used[1] != request_hash:
            self._used[token] = self._monotonic(), request_hash
            self._used.move_to_end(token)
            while len(self._used) > TOKENS_MAX:
                self._used.popitem(last=False)
