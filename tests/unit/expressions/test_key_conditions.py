"""Which key conditions a query can answer, and how AWS refuses the others."""

from typing import Any

import pytest

from stator.expressions.condition_checks import check_filter
from stator.expressions.conditions import parse_condition
from stator.expressions.key_conditions import KeyRange, SortCondition, bind, parse_key_condition
from stator.expressions.placeholders import check_placeholders
from stator.model.errors import ValidationError
from stator.model.tables import KeyAttribute, KeySchema

KEY = KeySchema(KeyAttribute("pk", "S"), KeyAttribute("sk", "S"))
HASH_ONLY = KeySchema(KeyAttribute("pk", "S"))
SENT: dict[str, dict[str, Any]] = {":p": {"S": "a"}, ":s": {"S": "b"}, ":n": {"N": "1"}, ":empty": {"S": ""}}
A, B = {"S": "a"}, {"S": "b"}
_INVALID = "Invalid condition in KeyConditionExpression: "
_EMPTY_KEY = (
    "One or more parameter values are not valid. "
    "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
)


def bound(text: str, key: KeySchema = KEY) -> KeyRange:
    condition = parse_key_condition(text)
    names = {"#p": "pk"} if "#p" in text else {}
    values = {name: SENT[name] for name in condition.placeholders if name in SENT}
    check_placeholders([condition], names, values)
    return bind(condition, names, values, key)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("pk = :p", None),
        ("#p = :p", None),
        (":p = pk", None),
        ("pk = :p AND sk = :s", SortCondition("=", (B,))),
        ("sk > :s AND pk = :p", SortCondition(">", (B,))),
        (":s <= sk AND (pk = :p)", SortCondition(">=", (B,))),
        ("(pk = :p AND sk < :s)", SortCondition("<", (B,))),
        ("pk = :p AND sk BETWEEN :p AND :s", SortCondition("BETWEEN", (A, B))),
        ("pk = :p AND begins_with(sk, :s)", SortCondition("begins_with", (B,))),
    ],
)
def test_a_partition_and_maybe_a_range_of_sort_keys_can_be_asked_for(text: str, sort: SortCondition | None) -> None:
    assert bound(text) == KeyRange(A, sort)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sk = :s", "Query condition missed key schema element: pk"),
        ("pk = :p AND foo = :s", "Query condition missed key schema element: sk"),
        ("pk < :p", "Query key condition not supported"),
        ("begins_with(pk, :p)", "Query key condition not supported"),
        ("pk = :p AND sk <> :s", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk = :p OR sk = :s", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT pk = :p", "Invalid operator used in KeyConditionExpression: NOT"),
        ("pk IN (:p)", "Invalid operator used in KeyConditionExpression: IN"),
        ("pk = :p AND contains(sk, :s)", "Invalid operator used in KeyConditionExpression: contains"),
        ("pk = :p AND size(sk) = :n", "KeyConditionExpressions cannot contain nested operations"),
        ("pk.a = :p", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk = :p AND pk = :p", "KeyConditionExpressions must only contain one condition per key"),
        ("pk = :p AND sk = :s AND foo = :n", "Conditions can be of length 1 or 2 only"),
        (
            "pk = :p AND begins_with(:s, sk)",
            f"{_INVALID}begins_with operator must have the key attribute as its first operand",
        ),
        (
            "pk = :p AND pk = sk",
            f"{_INVALID}Multiple attribute names used in one condition",
        ),
        (":p = :s", f"{_INVALID}No key attribute specified"),
        ("pk = :n", "One or more parameter values were invalid: Condition parameter type does not match schema type"),
        (
            "pk = :p AND sk < :n",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        (
            "pk = :empty",
            (_EMPTY_KEY),
        ),
        (
            "pk = :p AND sk BETWEEN :s AND :p",
            (
                "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound "
                "to be greater than or equal to lower bound; "
                "lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"
            ),
        ),
    ],
)
def test_what_no_range_of_keys_answers_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        bound(text)
    assert refused.value.message == complaint


def test_a_table_without_sort_key_takes_one_condition() -> None:
    assert bound("pk = :p", HASH_ONLY) == KeyRange(A, None)
    with pytest.raises(ValidationError, match="Query key condition not supported"):
        bound("pk = :p AND sk = :s", HASH_ONLY)


@pytest.mark.parametrize("text", ["a = :n AND sk = :n", "NOT size(sk) > :n", "a IN (:n, sk.b)", "attribute_exists(#k)"])
def test_a_filter_cannot_touch_key_attributes(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_filter(parse_condition(text), {"#k": "sk"}, KEY.names)
    assert (
        refused.value.message
        == "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"
    )
    check_filter(parse_condition(text), {"#k": "sk"}, ("other",))
