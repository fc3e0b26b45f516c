"""Who gives one token to different transactions is told, as far as one router can know."""

import pytest

from services.router.client_tokens import TOKENS_MAX, ClientTokens
from stator.model.errors import IdempotentParameterMismatchError
from stator.rules.request_tokens import WINDOW_US


class Hand:
    """Time as the test sets it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


def test_a_used_token_stands_for_its_request_until_the_window_is_over() -> None:
    hand = Hand()
    tokens = ClientTokens(hand.monotonic)
    tokens.check("t", b"one")
    tokens.use("t", b"one")
    tokens.check("t", b"one")
    hand.now_s += WINDOW_US / 1e6
    with pytest.raises(IdempotentParameterMismatchError):
        tokens.check("t", b"other")
    hand.now_s += 1
    tokens.check("t", b"other")
    tokens.use("t", b"other")
    with pytest.raises(IdempotentParameterMismatchError):
        tokens.check("t", b"one")


def test_the_oldest_tokens_are_forgotten_first() -> None:
    tokens = ClientTokens(Hand().monotonic)
    for number in range(TOKENS_MAX + 1):
        tokens.use(str(number), b"one")
    tokens.check("0", b"other")
    with pytest.raises(IdempotentParameterMismatchError):
        tokens.check("1", b"other")
