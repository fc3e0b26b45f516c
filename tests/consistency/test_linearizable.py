"""Hand-made histories of items: what porcupine must let pass, and what it must not."""

import random

import pytest

from tests.consistency.linearizable import ABSENT, Operation, Verdict, check

Shown = tuple[str, ...] | None


def get(asked_at: int, told_at: int | None, shown: Shown, key: str = "k") -> Operation:
    return Operation(key=key, verb="get", asked_at=asked_at, told_at=told_at, before=shown)


def put(
    asked_at: int, told_at: int | None, value: str, condition: Shown = None, refused: bool = False, before: Shown = None
) -> Operation:
    return Operation(
        key="k",
        verb="put",
        asked_at=asked_at,
        told_at=told_at,
        value=value,
        condition=condition,
        refused=refused,
        before=before,
    )


def add(asked_at: int, told_at: int | None, number: int, after: Shown = None) -> Operation:
    return Operation(key="k", verb="update", asked_at=asked_at, told_at=told_at, value=str(number), after=after)


def delete(asked_at: int, told_at: int | None, condition: Shown = None, refused: bool = False) -> Operation:
    return Operation(key="k", verb="delete", asked_at=asked_at, told_at=told_at, condition=condition, refused=refused)


LINEARIZABLE = {
    "one after the other": [put(0, 1, "a"), get(2, 3, ("a",)), delete(4, 5), get(6, 7, ABSENT)],
    "an empty value is not an absent item": [put(0, 1, ""), get(2, 3, ("",))],
    "an overlapping read may see a write": [put(0, 9, "a"), get(1, 2, ("a",))],
    "an overlapping read may miss a write": [put(0, 9, "a"), get(1, 2, ABSENT)],
    "touching instants overlap": [put(0, 1, "a"), get(1, 2, ABSENT)],
    "overlapping writes in either order": [put(0, 9, "a"), put(0, 9, "b"), get(10, 11, ("a",)), get(12, 13, ("a",))],
    "an unknown write was done": [put(0, None, "a"), get(5, 6, ("a",))],
    "an unknown write was not done": [put(0, None, "a"), get(5, 6, ABSENT)],
    "an unknown write was done late": [put(0, None, "a"), get(2, 3, ABSENT), get(5, 6, ("a",))],
    "an unknown write's condition was false": [put(0, 1, "a"), put(2, None, "b", condition=ABSENT), get(5, 6, ("a",))],
    "an unknown delete was done late": [put(0, 1, "a"), delete(2, None), get(3, 4, ("a",)), get(5, 6, ABSENT)],
    "one of two claims wins": [put(0, 9, "a", condition=ABSENT), put(0, 9, "b", condition=ABSENT, refused=True)],
    "compare and set, in the order that works": [
        put(0, 9, "b", condition=("a",)),
        put(0, 9, "a", condition=ABSENT),
        get(10, 11, ("b",)),
    ],
    "a refused write shows what was there": [
        put(0, 1, "a"),
        put(2, 3, "b", condition=ABSENT, refused=True, before=("a",)),
    ],
    "an absent item counts as 0": [add(0, 1, 5, after=("5",)), add(2, 3, 2, after=("7",))],
    "overlapping additions both count": [add(0, 9, 1), add(0, 9, 2), get(10, 11, ("3",))],
    "a read whose answer was lost says nothing": [get(0, None, ("never written",))],
    "other items are other registers": [put(0, 1, "a"), get(2, 3, ABSENT, key="other")],
}
NOT_LINEARIZABLE = {
    "a stale read": [put(0, 1, "a"), get(2, 3, ABSENT)],
    "a stale read of an older value": [put(0, 1, "a"), put(2, 3, "b"), get(4, 5, ("a",))],
    "a value that nobody wrote": [get(0, 1, ("a",))],
    "a read goes back in time": [put(0, 9, "a"), get(1, 2, ("a",)), get(3, 4, ABSENT)],
    "an unknown write was done and undone": [put(0, None, "a"), get(1, 2, ("a",)), get(3, 4, ABSENT)],
    "a write was done before it was asked": [get(0, 1, ("a",)), put(2, 3, "a")],
    "an unknown write was done before it was asked": [get(0, 1, ("a",)), put(2, None, "a")],
    "a lost write": [put(0, 1, "a"), put(2, 3, "b"), get(4, 5, ("a",)), get(6, 7, ("a",))],
    "a delete that did nothing": [put(0, 1, "a"), delete(2, 3), get(4, 5, ("a",))],
    "two claims win": [put(0, 9, "a", condition=ABSENT), put(0, 9, "b", condition=ABSENT)],
    "no claim wins": [put(0, 1, "a", condition=ABSENT, refused=True)],
    "a refusal that reveals what is not there yet": [put(0, 1, "a", condition=("b",), refused=True, before=("b",))],
    "a refusal from before an acknowledged write": [put(0, 1, "a"), delete(2, 3, condition=("a",), refused=True)],
    "an addition counts twice": [add(0, 1, 1), get(2, 3, ("2",))],
    "an addition is lost": [add(0, 9, 1), add(0, 9, 1), get(10, 11, ("1",))],
    "two additions show one result": [add(0, 9, 1, after=("1",)), add(0, 9, 1, after=("1",))],
    "an unknown addition counts twice": [add(0, None, 1), get(1, 2, ("1",)), get(3, 4, ("2",))],
}


@pytest.mark.parametrize("name", LINEARIZABLE)
def test_a_register_explains(name: str) -> None:
    assert check(LINEARIZABLE[name]).verdict == "linearizable"


@pytest.mark.parametrize("name", NOT_LINEARIZABLE)
def test_no_register_explains(name: str) -> None:
    assert check(NOT_LINEARIZABLE[name]).not_linearizable == ("k",)


def test_the_verdict_names_the_items_and_counts_what_it_saw() -> None:
    history = [put(0, 1, "a"), get(2, 3, ABSENT), get(0, 1, ABSENT, key="fine"), get(0, 1, ("x",), key="another")]
    assert check(history) == Verdict("not linearizable", 3, 4, ("another", "k"), ())


def test_an_item_that_takes_too_long_is_undecided_and_not_passed() -> None:
    """Thirty additions of which nobody heard, and a sum that they cannot reach."""
    history = [add(0, None, 2 << number) for number in range(30)] + [get(1, 2, ("1",))]
    assert check(history, item_patience_s=0.2).undecided == ("k",)


def test_a_hundred_thousand_operations_on_a_thousand_items_are_judged() -> None:
    dice, history = random.Random(1), []
    values: dict[str, Shown] = {}
    for now in range(0, 400_000, 4):
        key = f"item-{dice.randrange(1000)}"
        if dice.random() < 0.5:
            values[key] = (str(now),)
            history.append(
                Operation(key=key, verb="put", asked_at=now - dice.randrange(3), told_at=now + 1, value=str(now))
            )
        else:
            history.append(get(now, now + 1, values.get(key, ABSENT), key=key))
    assert check(history).verdict == "linearizable"


@pytest.mark.parametrize(
    ("fault", "operation"),
    [
        ("answered at 1 before it was asked at 2", get(2, 1, ABSENT)),
        ("refused without a condition", put(0, 1, "a", refused=True)),
        ("an update adds a number", Operation(key="k", verb="update", asked_at=0, told_at=1, value="a")),
    ],
)
def test_what_is_no_history_is_not_judged(fault: str, operation: Operation) -> None:
    with pytest.raises(ValueError, match=f"line 1: {fault}"):
        check([operation])
