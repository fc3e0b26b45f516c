"""Patience follows the log: quick to grow, slow to shrink, and bounded."""

from stator.rules.append_patience import PATIENCE_MAX_S, PATIENCE_S, Patience


def test_patience_grows_with_what_the_log_takes_and_comes_back_when_it_is_quick_again() -> None:
    patience = Patience()
    patience.took(0.01)
    assert patience.seconds == PATIENCE_S
    patience.took(PATIENCE_S)
    assert patience.seconds > PATIENCE_S
    for _ in range(3):
        patience.ran_out()
    assert patience.seconds == PATIENCE_MAX_S
    for _ in range(30):
        patience.took(0.01)
    assert patience.seconds == PATIENCE_S
