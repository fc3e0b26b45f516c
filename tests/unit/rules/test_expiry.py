"""Which items are due. Source: AWS developer guide, "Using time to live (TTL) in DynamoDB"."""

from typing import Any

import pytest

from stator.rules.expiry import FORGIVEN_S, due, expires_at_s

NOW_S = 1_790_000_000


def expiring(value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"id": {"S": "x"}, "until": value}


@pytest.mark.parametrize(
    ("value", "second"),
    [
        ({"N": "1790000000"}, 1_790_000_000),
        ({"N": "0"}, 0),
        ({"S": "1790000000"}, None),
        ({"N": "-5"}, None),
        ({"N": "1790000000.5"}, 1_790_000_001),
        ({"N": "-0.5"}, None),
        ({"N": "1" + "0" * 30}, None),
        ({"M": {"N": {"N": "1790000000"}}}, None),
    ],
)
def test_seconds_are_an_expiry_and_a_fraction_counts_as_a_whole_one(value: dict[str, Any], second: int | None) -> None:
    assert expires_at_s(expiring(value), "until") == second


def test_an_item_without_the_attribute_never_expires() -> None:
    assert expires_at_s({"id": {"S": "x"}}, "until") is None
    assert not due({"id": {"S": "x"}}, "until", NOW_S)


@pytest.mark.parametrize(
    ("second", "gone"),
    [
        (NOW_S + 1, False),
        (NOW_S, True),
        (NOW_S - FORGIVEN_S, True),
        (NOW_S - FORGIVEN_S - 1, False),
    ],
)
def test_an_item_is_due_from_its_second_on_and_for_five_years(second: int, gone: bool) -> None:
    assert due(expiring({"N": str(second)}), "until", NOW_S) is gone
