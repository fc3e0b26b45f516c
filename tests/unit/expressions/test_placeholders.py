"""Names and values of a request: their form, and that its expressions use them and define no others."""

from typing import Any

import pytest

from stator.expressions.conditions import parse_condition
from stator.expressions.placeholders import check_placeholders, check_presence, normalise_names, normalise_values
from stator.expressions.projections import parse_projection
from stator.expressions.updates import parse_update
from stator.model.errors import ValidationError

N: dict[str, Any] = {"N": "1"}
_INVALID = "ExpressionAttributeValues contains invalid value: "


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({}, "ExpressionAttributeNames must not be empty"),
        ({"x": "a"}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "x"'),
        ({"#": "a"}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        ({"#x y": "a"}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#x y"'),
        ({"#x": ""}, "ExpressionAttributeNames contains invalid value: Empty attribute name for key #x"),
    ],
)
def test_malformed_names_are_refused(names: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normalise_names(names)
    assert refused.value.message == complaint


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "ExpressionAttributeValues must not be empty"),
        ({"x": N}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "x"'),
        (
            {":x": {}},
            f"{_INVALID}Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :x",
        ),
        (
            {":x": {"N": "abc"}},
            f"{_INVALID}The parameter cannot be converted to a numeric value: abc for key :x",
        ),
    ],
)
def test_malformed_values_are_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normalise_values(values)
    assert refused.value.message == complaint


def test_absent_names_and_values_are_none_at_all() -> None:
    assert normalise_names(None) == {}
    assert normalise_values(None) == {}
    assert normalise_values({":x": {"N": "1.0"}}) == {":x": {"N": "1"}}


def test_names_and_values_need_an_expression() -> None:
    none: dict[str, str | None] = {"UpdateExpression": None, "ConditionExpression": None}
    with pytest.raises(ValidationError) as refused:
        check_presence({"#x": "a"}, {":x": N}, none)
    assert refused.value.message == "ExpressionAttributeNames can only be specified when using expressions"
    with pytest.raises(ValidationError) as refused:
        check_presence(None, {":x": N}, none)
    assert refused.value.message == (
        "ExpressionAttributeValues can only be specified when using expressions: "
        "UpdateExpression and ConditionExpression are null"
    )
    with pytest.raises(ValidationError) as refused:
        check_presence(None, {":x": N}, {"ProjectionExpression": "a", "FilterExpression": None})
    assert refused.value.message.endswith("FilterExpression is null")
    check_presence({"#x": "a"}, {":x": N}, {**none, "ConditionExpression": "#x = :x"})


def test_undefined_placeholders_are_named_with_their_expression() -> None:
    with pytest.raises(ValidationError) as refused:
        check_placeholders([parse_update("SET a = :x")], {}, {})
    assert refused.value.message == (
        "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :x"
    )
    with pytest.raises(ValidationError) as refused:
        check_placeholders([parse_condition("#x = :x", "FilterExpression")], {}, {":x": N})
    assert refused.value.message == (
        "Invalid FilterExpression: An expression attribute name used in the document path is not defined; "
        "attribute name: #x"
    )


def test_unused_placeholders_are_listed_names_before_values() -> None:
    expressions = [parse_condition("a = :x"), parse_projection("#p")]
    check_placeholders(expressions, {"#p": "p"}, {":x": N})
    with pytest.raises(ValidationError) as refused:
        check_placeholders(expressions, {"#p": "p", "#q": "q", "#r": "r"}, {":x": N, ":y": N})
    assert refused.value.message == ("Value provided in ExpressionAttributeNames unused in expressions: keys: {#q, #r}")
    with pytest.raises(ValidationError) as refused:
        check_placeholders(expressions, {"#p": "p"}, {":x": N, ":y": N})
    assert refused.value.message == "Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}"


VALUES: dict[str, dict[str, Any]] = {
    ":n": N,
    ":nine": {"N": "9"},
    ":s": {"S": "x"},
    ":m": {"M": {}},
    ":ss": {"SS": ["a"]},
    ":t": {"BOOL": True},
}
_WRONG = "Incorrect operand type for operator or function; operator or function: "


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a < :m", f"{_WRONG}<, operand type: M"),
        (":ss >= a", f"{_WRONG}>=, operand type: SS"),
        ("a BETWEEN :t AND :t", f"{_WRONG}BETWEEN, operand type: BOOL"),
        ("begins_with(a, :n)", f"{_WRONG}begins_with, operand type: N"),
        ("size(:t) = :n", f"{_WRONG}size, operand type: BOOL"),
        ("size(size(a)) = :n", f"{_WRONG}size, operand type: N"),
        ("attribute_type(a, :n)", f"{_WRONG}attribute_type, operand type: N"),
        (
            "attribute_type(a, :s)",
            "Invalid attribute type name found; type: x, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "attribute_exists(:n)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "contains(a)",
            "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1",
        ),
        (
            "a.b = a.b",
            (
                "The first operand must be distinct from the remaining operands for this operator or function; "
                "operator: =, first operand: [a, b]"
            ),
        ),
        (
            "a IN (:n, a)",
            (
                "The first operand must be distinct from the remaining operands for this operator or function; "
                "operator: IN, first operand: [a]"
            ),
        ),
        (
            "a BETWEEN :nine AND :n",
            (
                "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                "lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {N:1}"
            ),
        ),
        (
            "a BETWEEN :n AND :s",
            (
                "The BETWEEN operator requires same data type for lower and upper bounds; "
                "lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}"
            ),
        ),
        ("NOT (b = :n AND a < :m)", f"{_WRONG}<, operand type: M"),
    ],
)
def test_operands_that_cannot_fit_are_refused_before_any_item_is_read(text: str, reason: str) -> None:
    condition = parse_condition(text)
    used = {name: VALUES[name] for name in condition.placeholders}
    with pytest.raises(ValidationError) as refused:
        check_placeholders([condition], {}, used)
    assert refused.value.message == f"Invalid ConditionExpression: {reason}"
