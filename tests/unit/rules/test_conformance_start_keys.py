"""ExclusiveStartKey: a key that the query could not have returned is refused, and why is said in AWS's words."""

from typing import Any

import pytest

from stator.expressions.key_conditions import KeyRange, SortCondition
from stator.model.errors import ValidationError
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection
from stator.rules.key_spans import contains, span_of
from stator.rules.start_keys import behind, normalised_start_key, row_behind

BASE = KeySchema(KeyAttribute("p", "S"), KeyAttribute("c", "N"))
INDEX = Index("by-x", KeySchema(KeyAttribute("x", "S")), Projection("ALL"))
ALL = KeyRange({"S": "a"}, None)
ABOVE_5 = KeyRange({"S": "a"}, SortCondition(">", ({"N": "5"},)))
OF_X = KeyRange({"S": "x"}, None)

MISMATCH = "The provided starting key is invalid: The provided key element does not match the schema"


def at(partition: str, number: int) -> dict[str, Any]:
    return {"p": {"S": partition}, "c": {"N": str(number)}}


@pytest.mark.parametrize(
    ("asked", "index", "start_key", "said"),
    [
        (ALL, None, {}, "The provided starting key is invalid"),
        (ALL, None, {"p": {"S": "a"}}, "The provided starting key is invalid"),
        (ALL, None, at("a", 1) | {"x": {"S": "x"}}, "The provided starting key is invalid"),
        (ALL, None, at("a", 1) | {"c": {"S": "1"}}, "The provided key element does not match the schema"),
        (ALL, None, at("b", 1), "The provided starting key is outside query boundaries based on provided conditions"),
        (ABOVE_5, None, at("a", 5), "The provided starting key does not match the range key predicate"),
        (ABOVE_5, None, at("b", 4), "The provided starting key does not match the range key predicate"),
        (ABOVE_5, None, at("b", 6), "The query can return at most one row and cannot be restarted"),
        (OF_X, INDEX, at("a", 1), "The provided starting key is invalid"),
        (
            OF_X,
            INDEX,
            {"p": {"N": "1"}, "c": {"N": "1"}, "x": {"S": "x"}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
    ],
)
def test_a_start_key_that_the_query_cannot_have_returned_is_refused(
    asked: KeyRange, index: Index | None, start_key: dict[str, Any], said: str
) -> None:
    span = span_of(asked, index=index is not None)
    with pytest.raises(ValidationError) as refused:
        behind(start_key, span, asked, BASE, index, reverse=False)
    assert refused.value.message == said


def test_a_table_without_sort_keys_has_nowhere_to_go_on() -> None:
    base = KeySchema(KeyAttribute("p", "S"))
    with pytest.raises(ValidationError) as refused:
        behind({"p": {"S": "a"}}, span_of(ALL, index=False), ALL, base, None, reverse=False)
    assert refused.value.message == (
        "The provided exclusive start key is invalid: ExclusiveStartKey: {p=AttributeValue: {S:a}}"
    )


def test_a_start_key_need_not_be_stored_any_more() -> None:
    span = behind(at("a", 7), span_of(ABOVE_5, index=False), ABOVE_5, BASE, None, reverse=False)
    assert not contains(span, BASE.item_key(at("a", 7)))
    assert contains(span, BASE.item_key(at("a", 8)))


@pytest.mark.parametrize(
    ("index", "start_key", "said"),
    [
        (None, {}, MISMATCH),
        (None, {"p": {"S": "a"}}, MISMATCH),
        (None, at("a", 1) | {"x": {"S": "x"}}, MISMATCH),
        (None, at("a", 1) | {"c": {"S": "1"}}, MISMATCH),
        (INDEX, {}, "The provided starting key is invalid"),
        (INDEX, at("a", 1), "The provided starting key is invalid"),
        (INDEX, at("a", 1) | {"z": {"S": "x"}}, "The provided starting key is invalid"),
        (INDEX, at("a", 1) | {"x": {"N": "1"}}, "The provided key element does not match the schema"),
        (INDEX, {"p": {"N": "1"}, "c": {"N": "1"}, "x": {"S": "x"}}, MISMATCH),
    ],
)
def test_a_scan_names_what_is_wrong_with_a_start_key(index: Index | None, start_key: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        row_behind(start_key, BASE, index)
    assert refused.value.message == said


def test_a_scan_goes_on_behind_any_key_of_the_table() -> None:
    assert row_behind(at("a", 1), BASE, None) == BASE.item_key(at("a", 1))
    key = at("a", 1) | {"x": {"S": "x"}}
    assert row_behind(key, BASE, INDEX) == INDEX.row_key(key, BASE.item_key(key))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            {},
            (
                "The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the"
                " supported datatypes"
            ),
        ),
        (
            {"NULL": "no"},
            (
                "The provided starting key is invalid: One or more parameter values were invalid: Null attribute value types"
                " must have the value of true"
            ),
        ),
        ({"NS": []}, "One or more parameter values were invalid: An number set  may not be empty"),
        ({"N": "b"}, "The parameter cannot be converted to a numeric value: b"),
        ({"NS": ["1", "1"]}, "Input collection contains duplicates"),
    ],
)
def test_a_faulty_value_of_a_start_key_is_said_to_be_in_it(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normalised_start_key({"p": value})
    assert refused.value.message == said
