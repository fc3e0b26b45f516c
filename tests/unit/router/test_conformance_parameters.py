"""Which parameters of old go with expressions, and which names they may not have."""

from typing import Any

import pytest

from services.router.expression_parameters import ExpressionParameters
from stator.model.errors import ValidationError

KEY_CONDITIONS = {"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}
QUERY = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")


@pytest.mark.parametrize("member", ["ProjectionExpression", "FilterExpression"])
def test_key_conditions_go_with_the_other_expressions_of_a_query(member: str) -> None:
    text = {"ProjectionExpression": "a", "FilterExpression": "attribute_exists(a)"}[member]
    parameters = ExpressionParameters({"KeyConditions": KEY_CONDITIONS, member: text}, *QUERY)
    assert parameters.bundle(member) is not None


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"KeyConditions": KEY_CONDITIONS, "KeyConditionExpression": "p = q"}, "{KeyConditions}"),
        ({"KeyConditions": KEY_CONDITIONS, "AttributesToGet": ["a"], "FilterExpression": "a = b"}, "{AttributesToGet}"),
        ({"QueryFilter": KEY_CONDITIONS, "KeyConditionExpression": "p = q"}, "{QueryFilter}"),
    ],
)
def test_other_parameters_of_old_exclude_expressions(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ExpressionParameters(request_, *QUERY)
    assert f"Non-expression parameters: {named} " in refused.value.message


@pytest.mark.parametrize(
    ("request_", "member"),
    [
        ({"AttributeUpdates": {"": {"Value": {"S": "a"}}}}, "UpdateExpression"),
        ({"AttributesToGet": [""]}, "ProjectionExpression"),
        ({"Expected": {"": {"Exists": False}}}, "ConditionExpression"),
    ],
)
def test_parameters_of_old_name_no_attribute_without_a_name(request_: dict[str, Any], member: str) -> None:
    with pytest.raises(ValidationError, match="Empty attribute name"):
        ExpressionParameters(request_, member)


def test_the_attributes_that_paths_lead_into_are_told_without_their_placeholders() -> None:
    request = {
        "ConditionExpression": "#a.b = :v AND c = :v",
        "UpdateExpression": "SET d = e[0]",
        "ExpressionAttributeNames": {"#a": "x.y"},
        "ExpressionAttributeValues": {":v": {"S": "a"}},
    }
    parameters = ExpressionParameters(request, "UpdateExpression", "ConditionExpression")
    assert list(parameters.entered()) == ["e", "x.y"]


def test_the_attributes_of_one_expression_are_told_in_the_order_written() -> None:
    request = {
        "ProjectionExpression": "b.a, #a[0], b.c",
        "FilterExpression": "d = b",
        "ExpressionAttributeNames": {"#a": "x.y"},
    }
    parameters = ExpressionParameters(request, *QUERY)
    assert list(parameters.attributes("ProjectionExpression")) == ["b", "x.y", "b"]
    assert list(parameters.attributes("FilterExpression")) == ["d", "b"]
    assert list(parameters.attributes("KeyConditionExpression")) == []
