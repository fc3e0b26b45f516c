"""The old parameters do as expressions what they always did. Answers checked against DynamoDB Local."""

from typing import Any

import pytest

from stator.expressions.conditions import matches, parse_condition
from stator.expressions.key_conditions import KeyRange, SortCondition
from stator.expressions.legacy import (
    Rewritten,
    check_filter_attributes,
    key_range,
    rewrite_attributes_to_get,
    rewrite_expected,
    rewrite_filter,
    rewrite_updates,
)
from stator.expressions.placeholders import check_placeholders
from stator.expressions.projections import parse_projection, project
from stator.expressions.updates import apply_update, parse_update
from stator.model.errors import ValidationError
from stator.model.item import Item
from stator.model.tables import KeyAttribute, KeySchema

ITEM: Item = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "ss": {"SS": ["a", "b"]},
    "l": {"L": [{"S": "x"}]},
    "date": {"S": "d"},
}
KEY = KeySchema(KeyAttribute("pk", "S"), KeyAttribute("sk", "N"))


def fulfils(rewritten: Rewritten | None) -> bool:
    assert rewritten is not None
    condition = parse_condition(rewritten.text)
    check_placeholders([condition], rewritten.names, rewritten.values)
    return matches(condition, ITEM, rewritten.names, rewritten.values)


def expects(operator: str, name: str, *values: dict[str, Any]) -> bool:
    return fulfils(rewrite_expected({name: {"ComparisonOperator": operator, "AttributeValueList": list(values)}}, None))


@pytest.mark.parametrize(
    ("operator", "name", "values", "answer"),
    [
        ("EQ", "n", [{"N": "5.0"}], True),
        ("NE", "absent", [{"N": "5"}], True),
        ("LT", "n", [{"N": "10"}], True),
        ("LE", "n", [{"S": "10"}], False),
        ("GE", "s", [{"S": "h"}], True),
        ("GT", "s", [{"S": "i"}], False),
        ("BETWEEN", "n", [{"N": "5"}, {"N": "6"}], True),
        ("IN", "s", [{"S": "x"}, {"S": "hello"}], True),
        ("BEGINS_WITH", "s", [{"S": "he"}], True),
        ("CONTAINS", "ss", [{"S": "a"}], True),
        ("CONTAINS", "l", [{"S": "y"}], False),
        ("NOT_CONTAINS", "ss", [{"S": "c"}], True),
        ("NOT_CONTAINS", "absent", [{"S": "c"}], False),
        ("NULL", "absent", [], True),
        ("NOT_NULL", "date", [], True),
    ],
)
def test_old_operators_answer_as_they_did(operator: str, name: str, values: list[Any], answer: bool) -> None:
    assert expects(operator, name, *values) is answer
    assert (
        fulfils(rewrite_filter({name: {"ComparisonOperator": operator, "AttributeValueList": values}}, None)) is answer
    )


def test_conditions_are_joined_by_and_unless_told_otherwise() -> None:
    expected = {"n": {"Value": {"N": "5"}}, "absent": {"Exists": True, "Value": {"N": "1"}}}
    assert not fulfils(rewrite_expected(expected, None))
    assert not fulfils(rewrite_expected(expected, "AND"))
    assert fulfils(rewrite_expected(expected, "OR"))
    assert fulfils(rewrite_expected({"absent": {"Exists": False}}, None))
    assert rewrite_expected({}, None) is None
    assert rewrite_filter(None, None) is None


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ({}, "Value must be provided when Exists is null for Attribute: n"),
        ({"Exists": True}, "Value must be provided when Exists is true for Attribute: n"),
        ({"Exists": False, "Value": {"N": "1"}}, "Value cannot be used when Exists is false for Attribute: n"),
        (
            {"ComparisonOperator": "EQ"},
            "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: n",
        ),
        (
            {"ComparisonOperator": "EQ", "Exists": True},
            "Exists and ComparisonOperator cannot be used together for Attribute: n",
        ),
        (
            {"AttributeValueList": [{"N": "1"}]},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: n",
        ),
        (
            {"AttributeValueList": [], "Value": {"N": "1"}},
            "Value and AttributeValueList cannot be used together for Attribute: n",
        ),
        (
            {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "1"}, {"N": "2"}]},
            "Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            {"ComparisonOperator": "IN", "AttributeValueList": [{"N": "1"}, {"S": "2"}]},
            "AttributeValues inside AttributeValueList must be of same type",
        ),
        (
            {"ComparisonOperator": "LT", "Value": {"BOOL": True}},
            "ComparisonOperator LT is not valid for BOOL AttributeValue type",
        ),
    ],
)
def test_old_conditions_are_refused_in_words_of_their_own(condition: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rewrite_expected({"n": condition}, None)
    assert refused.value.message == f"One or more parameter values were invalid: {complaint}"


def test_a_conditional_operator_needs_two_conditions() -> None:
    with pytest.raises(ValidationError, match="cannot be used without Filter or Expected"):
        rewrite_expected(None, "OR")
    with pytest.raises(ValidationError, match="can only be used when Filter or Expected has two or more elements"):
        rewrite_filter({"n": {"ComparisonOperator": "NULL"}}, "AND")


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        expects("BETWEEN", "n", {"N": "9"}, {"N": "1"})
    assert refused.value.message == (
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    )


def test_a_query_filter_cannot_touch_key_attributes() -> None:
    with pytest.raises(ValidationError) as refused:
        check_filter_attributes({"sk": {"ComparisonOperator": "NULL"}}, KEY.names)
    assert refused.value.message == (
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk"
    )
    check_filter_attributes({"n": {"ComparisonOperator": "NULL"}}, KEY.names)


@pytest.mark.parametrize(
    ("name", "update", "value"),
    [
        ("date", {"Value": {"S": "new"}}, {"S": "new"}),
        ("n", {"Action": "PUT", "Value": {"N": "1.0"}}, {"N": "1"}),
        ("n", {"Action": "ADD", "Value": {"N": "2"}}, {"N": "7"}),
        ("absent", {"Action": "ADD", "Value": {"N": "2"}}, {"N": "2"}),
        ("ss", {"Action": "ADD", "Value": {"SS": ["c"]}}, {"SS": ["a", "b", "c"]}),
        ("l", {"Action": "ADD", "Value": {"L": [{"S": "y"}]}}, {"L": [{"S": "x"}, {"S": "y"}]}),
        ("absent", {"Action": "ADD", "Value": {"L": [{"S": "y"}]}}, {"L": [{"S": "y"}]}),
        ("ss", {"Action": "DELETE", "Value": {"SS": ["a"]}}, {"SS": ["b"]}),
        ("n", {"Action": "DELETE"}, None),
    ],
)
def test_old_updates_change_what_they_did(name: str, update: dict[str, Any], value: dict[str, Any] | None) -> None:
    rewritten = rewrite_updates({name: update, "other": {"Value": {"S": "set"}}})
    assert rewritten is not None
    parsed = parse_update(rewritten.text)
    check_placeholders([parsed], rewritten.names, rewritten.values)
    after = apply_update(parsed, ITEM, rewritten.names, rewritten.values).item
    assert after.get(name) == value
    assert after["other"] == {"S": "set"}


@pytest.mark.parametrize(
    ("update", "complaint"),
    [
        ({"Action": "PUT"}, "Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "ADD", "Value": {"S": "x"}}, "ADD action is not supported for the type S"),
        ({"Action": "DELETE", "Value": {"L": []}}, "DELETE action with value is not supported for the type L"),
    ],
)
def test_impossible_old_updates_are_refused(update: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rewrite_updates({"n": update})
    assert refused.value.message == f"One or more parameter values were invalid: {complaint}"


def test_no_old_updates_are_no_update() -> None:
    assert rewrite_updates({}) is None


def test_attributes_to_get_show_whole_attributes() -> None:
    rewritten = rewrite_attributes_to_get(["date", "absent", "n"])
    assert rewritten is not None
    assert project(parse_projection(rewritten.text), ITEM, rewritten.names) == {"date": {"S": "d"}, "n": {"N": "5"}}
    assert rewrite_attributes_to_get(None) is None
    with pytest.raises(ValidationError, match="Duplicate value in attribute name: n"):
        rewrite_attributes_to_get(["n", "s", "n"])


def test_key_conditions_ask_for_ranges_of_keys() -> None:
    partition = {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}
    sort = {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "1"}, {"N": "2.0"}]}
    assert key_range({"pk": partition}, KEY) == KeyRange({"S": "a"}, None)
    asked = key_range({"sk": sort, "pk": partition}, KEY)
    assert asked.sort == SortCondition("BETWEEN", ({"N": "1"}, {"N": "2"}))


@pytest.mark.parametrize(
    ("conditions", "complaint"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        ({"sk": {"ComparisonOperator": "NOT_NULL"}}, "Attempted conditional constraint is not an indexable operation"),
        (
            {"pk": {"ComparisonOperator": "LT", "AttributeValueList": [{"S": "a"}]}},
            "Query key condition not supported",
        ),
        (
            {"sk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "1"}]}},
            "Query condition missed key schema element: pk",
        ),
    ],
)
def test_key_conditions_that_no_range_answers_are_refused(conditions: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        key_range(conditions, KEY)
    assert refused.value.message == complaint
