"""What projections show. Answers checked against DynamoDB Local."""

import pytest
from hypothesis import given

from stator.expressions.placeholders import check_placeholders
from stator.expressions.projections import parse_projection, project
from stator.model.errors import ValidationError
from stator.model.item import Item
from tests.strategies import items

ITEM: Item = {
    "pk": {"S": "k"},
    "n": {"N": "5"},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"a": {"S": "q"}}}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"L": [{"S": "z"}, {"S": "y"}]}}},
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("n", {"n": {"N": "5"}}),
        ("n, absent", {"n": {"N": "5"}}),
        ("#p", {"pk": {"S": "k"}}),
        ("l[2], l[0]", {"l": {"L": [{"N": "1"}, {"M": {"a": {"S": "q"}}}]}}),
        ("l[2].a, l[1]", {"l": {"L": [{"S": "x"}, {"M": {"a": {"S": "q"}}}]}}),
        ("m.b[1], m.a", {"m": {"M": {"a": {"N": "1"}, "b": {"L": [{"S": "y"}]}}}}),
        ("m.absent, l[9], n.a, pk[0], l[1].a", {}),
        ("l[2].absent, l[0]", {"l": {"L": [{"N": "1"}]}}),
    ],
)
def test_a_projection_shows_what_it_names_and_nothing_else(text: str, shown: Item) -> None:
    assert project(parse_projection(text), ITEM, {"#p": "pk"}) == shown


@given(items)
def test_naming_every_attribute_shows_the_whole_item(item: Item) -> None:
    names = {f"#{number}": name for number, name in enumerate(item)}
    if names:
        assert project(parse_projection(", ".join(names)), item, names) == item


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "n, #n",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]",
        ),
        (
            "a, #n, a.b",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                "path one: [a], path two: [a, b]"
            ),
        ),
        (
            "l[0].a, l[0], #n",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                "path one: [l, [0], a], path two: [l, [0]]"
            ),
        ),
        (
            "#n, m.a, m[0]",
            (
                "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                "path one: [m, a], path two: [m, [0]]"
            ),
        ),
    ],
)
def test_paths_that_cannot_go_together_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_placeholders([parse_projection(text)], {"#n": "n"}, {})
    assert refused.value.message == f"Invalid ProjectionExpression: {reason}"
