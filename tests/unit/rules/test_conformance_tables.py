"""Requests for tables that AWS refuses, and what it does not tell of a table that is being deleted."""

from typing import Any

import pytest

from stator.model.errors import ValidationError
from stator.rules.table_descriptions import describe_deleted_table, describe_table
from stator.rules.table_requests import new_table

UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
GOOD: dict[str, Any] = {
    "TableName": "orders",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "p", "AttributeType": "S"},
        {"AttributeName": "x", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-x",
            "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"AttributeDefinitions": [*GOOD["AttributeDefinitions"], {"AttributeName": "x", "AttributeType": "N"}]},
            "Attribute Name is duplicated: x",
        ),
        (
            {
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in (("p", "HASH"), ("x", "RANGE"), ("y", "RANGE"))
                ]
            },
            "Invalid KeySchema",
        ),
        (
            {"GlobalSecondaryIndexes": [GOOD["GlobalSecondaryIndexes"][0] | {"ProvisionedThroughput": UNITS}]},
            "ProvisionedThroughput should not be specified for index: by-x when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    GOOD["GlobalSecondaryIndexes"][0]
                    | {"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b", "a"]}}
                ]
            },
            "Duplicate value in NonKeyAttributes: a",
        ),
    ],
)
def test_a_table_that_aws_would_not_make_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        new_table(GOOD | change, "id", 0)


def test_of_a_deleted_table_keys_and_indexes_are_not_told() -> None:
    table = new_table(GOOD, "id", 0).evolve(status="DELETING")
    told = describe_deleted_table(table)
    untold = {"AttributeDefinitions", "KeySchema", "CreationDateTime", "GlobalSecondaryIndexes"}
    assert told["TableStatus"] == "DELETING"
    assert set(describe_table(table, {})) - set(told) == untold
