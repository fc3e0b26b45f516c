"""The checker of transactions is itself checked: what it must find, what it must not, and that nothing serial offends it."""

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.consistency.anomalies import ANOMALIES, EXPLAINED
from tests.consistency.list_append import check
from tests.consistency.transactions import Append, Outcome, Read, Transaction
from tests.consistency.written_histories import history

KEYS = ("x", "y", "z")


def serial_history(dice: random.Random, transactions: int) -> list[Transaction]:
    """Transactions done one after the other, each at an instant between its question and its answer; some were not
    heard of again, some of those never happened, and some failed."""
    lists: dict[str, tuple[int, ...]] = dict.fromkeys(KEYS, ())
    done: list[Transaction] = []
    for number in range(transactions):
        outcome = dice.choices([Outcome.OK, Outcome.UNKNOWN, Outcome.FAILED], [8, 1, 1])[0]
        happens = outcome is Outcome.OK or (outcome is Outcome.UNKNOWN and dice.random() < 0.5)
        after = dict(lists)
        operations: list[Append | Read] = []
        for place in range(dice.randint(1, 4)):
            key = dice.choice(KEYS)
            if dice.random() < 0.5:
                append = Append(key, number * 10 + place)
                after[key] = (*after[key], append.value)
                operations.append(append)
            else:
                operations.append(Read(key, after[key]))
        lists = after if happens else lists
        asked_at = number - dice.random() * 5
        told_at = number + dice.random() * 5 if outcome is not Outcome.UNKNOWN else float("inf")
        done.append(Transaction(f"T{number}", tuple(operations), asked_at, told_at, outcome))
    dice.shuffle(done)
    return done


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_is_found_and_named(name: str) -> None:
    wanted, text = ANOMALIES[name]
    assert {anomaly.name for anomaly in check(history(text))} == wanted


def test_at_least_fifty_anomalies_are_written_down() -> None:
    assert len({text for _, text in ANOMALIES.values()}) >= 50


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_has_a_serial_order_is_not_accused(name: str) -> None:
    assert check(history(EXPLAINED[name])) == []


@given(st.randoms(use_true_random=False), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_no_serial_history_is_accused(dice: random.Random, transactions: int) -> None:
    assert check(serial_history(dice, transactions)) == []


@given(st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_serial_history_that_forgets_one_acknowledged_append_is_accused(dice: random.Random) -> None:
    done = serial_history(dice, 40)
    acknowledged = [
        append
        for one in done
        if one.outcome is Outcome.OK
        for append in one.appends
        if any(one.told_at < other.asked_at and any(r.key == append.key for r in other.reads) for other in done)
    ]
    assume(acknowledged)
    lost = dice.choice(acknowledged)

    def forgetful(operation: Append | Read) -> Append | Read:
        if isinstance(operation, Read) and operation.key == lost.key:
            return Read(lost.key, tuple(value for value in operation.values if value != lost.value))
        return operation

    broken = [
        Transaction(one.name, tuple(map(forgetful, one.operations)), one.asked_at, one.told_at, one.outcome)
        for one in done
    ]
    assert {anomaly.name for anomaly in check(broken)} >= {"lost-append"}


def test_a_history_of_three_thousand_transactions_is_judged() -> None:
    """Long chains must not meet Python's limit on recursion."""
    chain = [
        Transaction(f"T{n}", (Read(f"k{n // 50}", tuple(range(n - n % 50, n))), Append(f"k{n // 50}", n)), n, n + 0.5)
        for n in range(3_000)
    ]
    assert check(chain) == []


def test_a_value_appended_twice_is_no_evidence() -> None:
    with pytest.raises(ValueError, match="two appends to x carry 1"):
        check(history("A 0-9: x+1\nB 0-9: x+1"))


def test_a_value_appended_twice_by_one_transaction_is_no_evidence() -> None:
    with pytest.raises(ValueError, match="two appends to x carry 1"):
        check(history("A 0-9: x+1 x+1"))


def test_two_transactions_of_one_name_are_no_evidence() -> None:
    with pytest.raises(ValueError, match="one name"):
        check(history("A 0-9: x+1\nA 0-9: x+2"))
