"""The first decision about a transaction stands, and a token is used once."""

from stator.model.errors import IdempotentParameterMismatchError, OutcomeUnknownError
from stator.rules.ledger import Decision, TokenUse, expired, forgettable, rule
from stator.rules.request_tokens import WINDOW_US
from stator.rules.transaction_messages import Decide, Decided

HASH = b"h" * 16
COMMIT = Decide(9, b"t", 50, {1: 40, 2: 50}, "token", HASH)
ABORT = Decide(9, b"t", None)
OTHERS_USE = TokenUse(b"other", HASH, 100)


def test_a_commit_stands_and_uses_its_token_up() -> None:
    ruling = rule(COMMIT, None, None, 70, {})
    assert ruling.answer == Decided(50, {1: 40, 2: 50})
    assert ruling.decision == Decision(b"t", 50, {1: 40, 2: 50})
    assert ruling.use == TokenUse(b"t", HASH, 70)


def test_an_abort_stands_and_uses_no_token() -> None:
    ruling = rule(Decide(9, b"t", None, {}, "token", HASH), None, None, 70, {})
    assert (ruling.answer, ruling.decision, ruling.use) == (Decided(None), Decision(b"t", None, {}), None)


def test_what_stands_is_told_to_whoever_proposes_anything_and_nothing_is_added() -> None:
    aborted, committed = Decision(b"t", None, COMMIT.prepared), Decision(b"t", 50, {1: 40})
    own_use = TokenUse(b"t", HASH, 70)
    for asked in (COMMIT, ABORT):
        ruling = rule(asked, aborted, None, 80, {})
        assert (ruling.answer, ruling.decision, ruling.use) == (Decided(None, COMMIT.prepared), None, None)
        ruling = rule(asked, committed, own_use, 80, {})
        assert (ruling.answer, ruling.decision, ruling.use) == (Decided(50, {1: 40}), None, None)


def test_a_token_that_another_transaction_used_up_aborts_this_one_and_says_so() -> None:
    for standing in (None, Decision(b"t", None, COMMIT.prepared)):
        ruling = rule(COMMIT, standing, OTHERS_USE, 100 + WINDOW_US - 1, {})
        assert ruling.answer == Decided(None, COMMIT.prepared, repeated=True)
        assert (ruling.decision is None, ruling.use) == (standing is not None, None)


def test_a_token_that_was_used_for_another_request_is_a_mismatch_and_the_transaction_is_aborted() -> None:
    ruling = rule(COMMIT, None, TokenUse(b"other", b"another hash", 100), 200, {})
    assert isinstance(ruling.answer, IdempotentParameterMismatchError)
    assert ruling.decision == Decision(b"t", None, COMMIT.prepared)


def test_a_token_may_be_used_again_after_its_window() -> None:
    ruling = rule(COMMIT, None, OTHERS_USE, 100 + WINDOW_US, {})
    assert ruling.answer == Decided(50, COMMIT.prepared)
    assert ruling.use == TokenUse(b"t", HASH, 100 + WINDOW_US)


def test_a_commit_that_stands_is_told_also_if_its_token_was_used_again_since() -> None:
    ruling = rule(COMMIT, Decision(b"t", 50, {}), OTHERS_USE, 200, {})
    assert ruling.answer == Decided(50, {})


def test_an_abort_names_the_last_prepare_of_everybody_who_was_told_it() -> None:
    asked = Decide(9, b"t", None, {1: 40, 3: 70})
    ruling = rule(asked, Decision(b"t", None, {1: 45, 2: 50}), None, 80, {})
    assert ruling.decision == Decision(b"t", None, {1: 45, 2: 50, 3: 70})
    refused = rule(COMMIT, Decision(b"t", None, {3: 70}), None, 80, {})
    assert refused.decision == Decision(b"t", None, {1: 40, 2: 50, 3: 70})


def test_a_decision_may_be_forgotten_once_all_prepares_that_it_names_have_ended() -> None:
    decision = Decision(b"t", 50, {1: 40, 2: 50})
    assert forgettable(decision, {1: 40, 2: 51})
    assert not forgettable(decision, {1: 40, 2: 49})
    assert not forgettable(decision, {1: 40})


def test_a_commit_that_was_forgotten_is_not_decided_again() -> None:
    ruling = rule(COMMIT, None, None, 80, {2: 50})
    assert isinstance(ruling.answer, OutcomeUnknownError)
    assert (ruling.decision, ruling.use) == (None, None)
    assert rule(COMMIT, None, None, 80, {1: 39, 2: 49}).decision is not None


def test_an_abort_can_be_had_of_what_was_forgotten() -> None:
    assert rule(Decide(9, b"t", None, {2: 60}), None, None, 80, {2: 50}).answer == Decided(None, {2: 60})


def test_a_token_is_needed_for_as_long_as_it_may_not_be_used_again() -> None:
    assert not expired(OTHERS_USE, 100 + WINDOW_US - 1)
    assert expired(OTHERS_USE, 100 + WINDOW_US)
