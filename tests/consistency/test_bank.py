"""The sum of all accounts: what a torn read, a lost or a doubled transfer does to it."""

from tests.consistency.bank import Statement, check

ACCOUNTS = frozenset("abc")


def wrong(**balances: int) -> list[str]:
    return list(check([Statement("S", balances)], ACCOUNTS, 30))


def test_money_may_move() -> None:
    assert wrong(a=10, b=10, c=10) == []
    assert wrong(a=0, b=30, c=0) == []


def test_a_torn_read_shows() -> None:
    assert wrong(a=5, b=10, c=10) == ["S: the accounts hold 25 and not 30: {'a': 5, 'b': 10, 'c': 10}"]


def test_a_doubled_credit_shows() -> None:
    assert len(wrong(a=5, b=20, c=10)) == 1


def test_an_overdrawn_account_shows_although_the_sum_is_right() -> None:
    assert wrong(a=-5, b=25, c=10) == ["S: overdrawn: {'a': -5}"]


def test_a_missing_account_shows() -> None:
    assert wrong(a=15, b=15) == ["S: not the accounts, but ['c'] too many or too few"]


def test_an_account_of_nobody_shows() -> None:
    assert wrong(a=10, b=10, c=10, d=0) == ["S: not the accounts, but ['d'] too many or too few"]


def test_every_statement_is_looked_at() -> None:
    good, bad = Statement("good", {"a": 10, "b": 10, "c": 10}), Statement("bad", {"a": 10, "b": 10, "c": 11})
    assert [fault.partition(":")[0] for fault in check([good, bad, good, bad], ACCOUNTS, 30)] == ["bad", "bad"]
