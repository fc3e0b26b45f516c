"""Which items fulfil which conditions. Answers checked against DynamoDB Local."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given

from stator.expressions.conditions import matches, parse_condition
from stator.model.attributes import normalise
from stator.model.item import Item
from tests.strategies import PLACEHOLDERS, VALUES, conditions, items

ITEM: Item = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "astral": {"S": "\U0001f600"},
    "b": {"B": "AQID"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": ["AQ=="]},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"a": {"S": "q"}}}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"L": [{"S": "z"}]}}},
    "t": {"BOOL": True},
    "z": {"NULL": True},
}


def holds(text: str, **sent: dict[str, Any]) -> bool:
    values = {f":{name}": normalise(value) for name, value in sent.items()}
    return matches(parse_condition(text), ITEM, {"#n": "n"}, values)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n = :v", {"N": "5.00"}),
        ("#n <> :v", {"N": "6"}),
        ("n < :v", {"N": "10"}),
        ("n <= :v", {"N": "5"}),
        (":v > n", {"N": "5.5"}),
        ("s >= :v", {"S": "hell"}),
        ("b > :v", {"B": "AQI="}),
        ("ss = :v", {"SS": ["b", "a"]}),
        ("m.b[0] = :v", {"S": "z"}),
        ("l[2].a = :v", {"S": "q"}),
        ("m = :v", {"M": {"b": {"L": [{"S": "z"}]}, "a": {"N": "1.0"}}}),
        ("t = :v", {"BOOL": True}),
        ("z = :v", {"NULL": True}),
        ("n BETWEEN :v AND :v", {"N": "5"}),
        ("n IN (s, :v)", {"N": "5"}),
        ("l[0] = :v OR absent = :v", {"N": "1"}),
        ("begins_with(s, :v)", {"S": "he"}),
        ("begins_with(b, :v)", {"B": "AQI="}),
        ("contains(s, :v)", {"S": "ell"}),
        ("contains(b, :v)", {"B": "AgM="}),
        ("contains(ss, :v)", {"S": "b"}),
        ("contains(ns, :v)", {"N": "2.0"}),
        ("contains(bs, :v)", {"B": "AQ=="}),
        ("contains(l, :v)", {"M": {"a": {"S": "q"}}}),
        ("attribute_type(m, :v)", {"S": "M"}),
        ("size(s) = :v", {"N": "5"}),
        ("size(astral) = :v", {"N": "2"}),
        ("size(b) = :v", {"N": "3"}),
        ("size(ss) = :v", {"N": "2"}),
        ("size(m) = :v", {"N": "2"}),
        ("size(s) = n AND attribute_exists(l[2]) AND :v = :v", {"N": "0"}),
    ],
)
def test_conditions_that_hold(text: str, value: dict[str, Any]) -> None:
    assert holds(text, v=value)
    assert not holds(f"NOT ({text})", v=value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n = :v", {"S": "5"}),
        ("n < :v", {"S": "6"}),
        ("s < :v", {"S": "Hello"}),
        ("n BETWEEN absent AND :v", {"N": "9"}),
        ("begins_with(n, :v)", {"S": "5"}),
        ("begins_with(s, :v)", {"B": "aGU="}),
        ("contains(s, :v)", {"N": "5"}),
        ("contains(ns, :v)", {"S": "1"}),
        ("contains(m, :v)", {"S": "a"}),
        ("contains(n, :v)", {"N": "5"}),
        ("attribute_type(n, :v)", {"S": "S"}),
        ("attribute_type(absent, :v)", {"S": "S"}),
        ("size(n) = :v", {"N": "1"}),
        ("size(t) < :v", {"N": "9"}),
        ("l[7] = :v", {"N": "1"}),
        ("s.a = :v", {"N": "1"}),
        ("m[0] = :v", {"N": "1"}),
        ("m > :v", {"N": "1"}),
    ],
)
def test_conditions_that_do_not_hold(text: str, value: dict[str, Any]) -> None:
    assert not holds(text, v=value)


def test_only_unequal_holds_of_a_missing_attribute() -> None:
    assert [op for op in ("=", "<>", "<", "<=", ">", ">=") if holds(f"absent {op} :v", v={"N": "1"})] == ["<>"]
    assert holds("absent <> gone")
    assert not holds("absent = gone")
    assert holds("size(n) <> :v", v={"N": "1"})


def test_and_binds_tighter_than_or_and_not_tighter_than_and() -> None:
    true, false = "attribute_exists(n)", "attribute_exists(absent)"
    assert holds(f"{true} OR {false} AND {false}")
    assert not holds(f"({true} OR {false}) AND {false}")
    assert holds(f"NOT {false} OR {true}")
    assert not holds(f"NOT {true} AND {true}")
    assert holds(f"NOT NOT {true}")


def test_no_item_is_an_item_without_attributes() -> None:
    assert matches(parse_condition("attribute_not_exists(pk)"), {}, {}, {})


@given(conditions, items)
def test_evaluation_never_fails_and_changes_nothing(text: str, item: Item) -> None:
    before = deepcopy(item)
    matches(parse_condition(text), item, PLACEHOLDERS, VALUES)
    assert item == before


@given(conditions, items)
def test_not_turns_every_answer(text: str, item: Item) -> None:
    answer = matches(parse_condition(text), item, PLACEHOLDERS, VALUES)
    assert (
        matches(parse_condition(f"NOT {text}" if text[0] == "(" else f"NOT ({text})"), item, PLACEHOLDERS, VALUES)
        is not answer
    )


@given(conditions, conditions, items)
def test_de_morgan_holds(left: str, right: str, item: Item) -> None:
    assume(len(left) + len(right) < 1_000)

    def answer(text: str) -> bool:
        return matches(parse_condition(text), item, PLACEHOLDERS, VALUES)

    assert answer(f"NOT ({left} AND {right})") == answer(f"NOT {left} OR NOT {right}")
