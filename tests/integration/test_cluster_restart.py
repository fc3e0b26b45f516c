"""Everything is killed at once and started anew: tables, indexes and restores are as if nothing had happened."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.client_load import dynamodb, until
from tests.native_cluster import BROKERS, BreakableCluster

pytestmark = pytest.mark.cluster

TABLE = "restarted"
ITEMS = 60
COLOURS = ("red", "green", "blue")
PATIENCE_S = 60.0

Content = dict[str, dict[str, Any]]


def item(number: int, colour: str) -> dict[str, Any]:
    return {"pk": {"S": f"item-{number}"}, "colour": {"S": colour}, "n": {"N": str(number)}}


def create(client: Any) -> None:
    client.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "colour")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-colour",
                "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    until(lambda: status(client, TABLE) == "ACTIVE", patience_s=PATIENCE_S, complaint="not active")
    specification = {"PointInTimeRecoveryEnabled": True}
    client.update_continuous_backups(TableName=TABLE, PointInTimeRecoverySpecification=specification)


def status(client: Any, table: str) -> str:
    shown: str = client.describe_table(TableName=table)["Table"]["TableStatus"]
    return shown


def content(client: Any, table: str) -> Content:
    keys = [f"item-{number}" for number in range(ITEMS)]
    found = [client.get_item(TableName=table, Key={"pk": {"S": pk}}, ConsistentRead=True).get("Item") for pk in keys]
    return {one["pk"]["S"]: one for one in found if one is not None}


def indexed(client: Any, table: str) -> Content:
    pages = [
        client.query(
            TableName=table,
            IndexName="by-colour",
            KeyConditionExpression="colour = :colour",
            ExpressionAttributeValues={":colour": {"S": colour}},
        )
        for colour in COLOURS
    ]
    rows = [row for page in pages for row in page["Items"]]
    assert len({row["pk"]["S"] for row in rows}) == len(rows)
    return {row["pk"]["S"]: row for row in rows}


def eventually_indexed(client: Any, table: str, expected: Content) -> None:
    looks: Callable[[], bool] = lambda: indexed(client, table) == expected  # noqa: E731
    until(looks, patience_s=PATIENCE_S, complaint=f"the index of {table} is not the projection of its items")


def test_tables_indexes_and_restores_survive_the_death_of_everything(cluster: BreakableCluster) -> None:
    with dynamodb(cluster.endpoint, attempts=10, read_timeout_s=30.0) as client:
        create(client)
        for number in range(ITEMS):
            client.put_item(TableName=TABLE, Item=item(number, COLOURS[number % 3]))
        before = content(client, TABLE)
        time.sleep(0.001)
        instant = datetime.now(UTC)
        time.sleep(0.001)
        for number in range(0, ITEMS, 2):
            client.put_item(TableName=TABLE, Item=item(number, "red"))
        for number in range(0, ITEMS, 5):
            client.delete_item(TableName=TABLE, Key={"pk": {"S": f"item-{number}"}})
        after = content(client, TABLE)
        assert len(after) < len(before) == ITEMS

        cluster.take_down(*cluster.services, *BROKERS, "minio-1")
        cluster.heal()

        until(lambda: status(client, TABLE) == "ACTIVE", patience_s=PATIENCE_S, complaint="no answer")
        assert content(client, TABLE) == after
        eventually_indexed(client, TABLE, after)

        client.restore_table_to_point_in_time(SourceTableName=TABLE, TargetTableName="rewound", RestoreDateTime=instant)
        until(lambda: status(client, "rewound") == "ACTIVE", patience_s=PATIENCE_S, complaint="restore not finished")
        assert content(client, "rewound") == before
        eventually_indexed(client, "rewound", before)
