"""Functions in the wrong kind of expression, and sort keys that no item has."""

import pytest

from stator.expressions.conditions import parse_condition
from stator.expressions.key_conditions import bind, parse_key_condition
from stator.model.errors import ValidationError
from stator.model.tables import KeyAttribute, KeySchema

KEY = KeySchema(KeyAttribute("p", "S"), KeyAttribute("c", "S"))


@pytest.mark.parametrize("function", ["if_not_exists", "list_append"])
@pytest.mark.parametrize("parameter", ["ConditionExpression", "FilterExpression"])
def test_functions_of_updates_are_known_but_not_allowed_in_conditions(function: str, parameter: str) -> None:
    with pytest.raises(ValidationError) as refused:
        parse_condition(f"{function}(a, b) = c", parameter)
    assert refused.value.message == (
        f"Invalid {parameter}: The function is not allowed in a condition expression; function: {function}"
    )


@pytest.mark.parametrize(
    "text", ["p = :p AND c > :e", "p = :p AND begins_with(c, :e)", "p = :p AND c BETWEEN :e AND :p"]
)
def test_a_query_compares_no_sort_key_with_an_empty_value(text: str) -> None:
    with pytest.raises(ValidationError, match=r"cannot contain an empty string value\. Key: c"):
        bind(parse_key_condition(text), {}, {":p": {"S": "a"}, ":e": {"S": ""}}, KEY)
