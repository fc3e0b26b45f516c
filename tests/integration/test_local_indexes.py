"""Local secondary indexes of a standalone server: every strong read sees the newest write, and DynamoDB Local answers the same."""

import base64
import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bench.servers import dynamodb_local
from tests.raw_connection import Connection
from tests.standalone_server import free_port, standalone

UPDATES = 1_000
RESTORED_WITHIN_S = 30.0
WRITES = 400
TABLE = "posts"

Request = dict[str, Any]


def index(name: str, sort: str, **projection: Any) -> Request:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": "forum", "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}],
        "Projection": projection or {"ProjectionType": "ALL"},
    }


def create(attributes: dict[str, str], *indexes: Request) -> Request:
    return {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "forum", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in {"forum": "S", "at": "S", **attributes}.items()
        ],
        "LocalSecondaryIndexes": list(indexes),
    }


def asked(connection: Connection, operation: str, body: Request) -> Any:
    status, answer = connection.call(operation, body)
    assert status == 200, (operation, body, answer)
    return answer


def test_each_of_a_thousand_updates_is_seen_by_a_strong_query_of_each_of_five_indexes(tmp_path: Path) -> None:
    names = [f"rank{number}" for number in range(5)]
    dice = random.Random(13)
    with standalone(tmp_path) as server, closing(Connection(server.port)) as connection:
        asked(
            connection, "CreateTable", create(dict.fromkeys(names, "N"), *(index(f"by-{name}", name) for name in names))
        )
        for number in range(UPDATES):
            forum, at, name = {"S": dice.choice("ab")}, {"S": str(dice.randrange(10))}, dice.choice(names)
            newest = {"N": str(number)}
            update = {
                "TableName": TABLE,
                "Key": {"forum": forum, "at": at},
                "UpdateExpression": f"SET {name} = :newest",
                "ExpressionAttributeValues": {":newest": newest},
            }
            asked(connection, "UpdateItem", update)
            query = {
                "TableName": TABLE,
                "IndexName": f"by-{name}",
                "ConsistentRead": True,
                "ScanIndexForward": False,
                "KeyConditionExpression": "forum = :forum",
                "ExpressionAttributeValues": {":forum": forum},
            }
            rows = asked(connection, "Query", query)["Items"]
            assert (rows[0]["at"], rows[0][name]) == (at, newest)
            assert [row[name] for row in rows] == sorted((row[name] for row in rows), key=lambda n: -int(n["N"]))
            assert len({row["at"]["S"] for row in rows}) == len(rows)


def test_local_indexes_outlive_a_restart_and_are_in_a_restored_table(tmp_path: Path) -> None:
    def by_rank(connection: Connection, table: str) -> list[str]:
        query = {
            "TableName": table,
            "IndexName": "by-rank",
            "ConsistentRead": True,
            "KeyConditionExpression": "forum = :forum",
            "ExpressionAttributeValues": {":forum": {"S": "kafka"}},
        }
        return [row["at"]["S"] for row in asked(connection, "Query", query)["Items"]]

    with standalone(tmp_path) as server, closing(Connection(server.port)) as connection:
        asked(connection, "CreateTable", create({"rank": "N"}, index("by-rank", "rank", ProjectionType="KEYS_ONLY")))
        enabled = {"PointInTimeRecoveryEnabled": True}
        asked(
            connection,
            "UpdateContinuousBackups",
            {"TableName": TABLE, "PointInTimeRecoverySpecification": enabled},
        )
        for at in range(5):
            item = {"forum": {"S": "kafka"}, "at": {"S": str(at)}, "rank": {"N": str(-at)}}
            asked(connection, "PutItem", {"TableName": TABLE, "Item": item})
    with standalone(tmp_path) as server, closing(Connection(server.port)) as connection:
        assert by_rank(connection, TABLE) == ["4", "3", "2", "1", "0"]
        restore = {"SourceTableName": TABLE, "TargetTableName": "restored", "UseLatestRestorableTime": True}
        asked(connection, "RestoreTableToPointInTime", restore)
        deadline = time.monotonic() + RESTORED_WITHIN_S
        while asked(connection, "DescribeTable", {"TableName": "restored"})["Table"]["TableStatus"] != "ACTIVE":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert by_rank(connection, "restored") == ["4", "3", "2", "1", "0"]


def test_a_scan_that_fetches_items_from_behind_an_index_fills_no_page_twice_over(tmp_path: Path) -> None:
    """The index's own rows are small, and the items lie in many partitions: what counts is what is fetched."""
    forums, text = 30, 100 * 1024 * "x"
    with (
        standalone(tmp_path, "--partitions", "4") as server,
        closing(Connection(server.port)) as connection,
    ):
        asked(connection, "CreateTable", create({"rank": "N"}, index("by-rank", "rank", ProjectionType="KEYS_ONLY")))
        for number in range(forums):
            item = {"forum": {"S": str(number)}, "at": {"S": "0"}, "rank": {"N": "1"}, "text": {"S": text}}
            asked(connection, "PutItem", {"TableName": TABLE, "Item": item})
        scan = {"TableName": TABLE, "IndexName": "by-rank", "Select": "ALL_ATTRIBUTES", "ConsistentRead": True}
        counts = []
        page: Request = {"LastEvaluatedKey": None}
        while "LastEvaluatedKey" in page:
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page["LastEvaluatedKey"] else {}
            page = asked(connection, "Scan", scan | start)
            counts.append(page["Count"])
        assert counts == [11, 11, 8]


def test_writes_tell_the_size_of_the_item_collection_when_asked(tmp_path: Path) -> None:
    key = {"forum": {"S": "kafka"}, "at": {"S": "1"}}
    told = {"ItemCollectionKey": {"forum": {"S": "kafka"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    update = {"UpdateExpression": "SET #r = :r", "ExpressionAttributeNames": {"#r": "rank"}}
    requests: list[tuple[str, Request]] = [
        ("PutItem", {"TableName": TABLE, "Item": key}),
        ("UpdateItem", {"TableName": TABLE, "Key": key, "ExpressionAttributeValues": {":r": {"N": "1"}}, **update}),
        ("DeleteItem", {"TableName": TABLE, "Key": key}),
    ]
    with standalone(tmp_path) as server, closing(Connection(server.port)) as connection:
        asked(connection, "CreateTable", create({"rank": "N"}, index("by-rank", "rank")))
        for operation, body in requests:
            answer = asked(connection, operation, {**body, "ReturnItemCollectionMetrics": "SIZE"})
            assert answer["ItemCollectionMetrics"] == told
            assert "ItemCollectionMetrics" not in asked(connection, operation, body)
        puts = [{"PutRequest": {"Item": {**key, "at": {"S": at}}}} for at in "abc"]
        batch = {"RequestItems": {TABLE: puts}, "ReturnItemCollectionMetrics": "SIZE"}
        assert asked(connection, "BatchWriteItem", batch)["ItemCollectionMetrics"] == {TABLE: [told]}


# --- beside DynamoDB Local ---------------------------------------------------------------------------------------

COMPARED = create(
    {"n": "N", "s": "S", "b": "B"},
    index("by-n", "n"),
    index("keys-by-s", "s", ProjectionType="KEYS_ONLY"),
    index("some-by-b", "b", ProjectionType="INCLUDE", NonKeyAttributes=["title", "n"]),
    index("by-at", "at", ProjectionType="KEYS_ONLY"),
)
SIGNED = {
    "X-Amz-Date": "20240101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=any/20240101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
}
SORTS = {"by-n": "n", "keys-by-s": "s", "some-by-b": "b", "by-at": "at"}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Connection, Connection]]:
    with ExitStack() as stack:
        ours = stack.enter_context(standalone(tmp_path / "stator"))
        local = stack.enter_context(dynamodb_local(tmp_path / "local", free_port()))
        connections = Connection(ours.port), Connection(local.port, SIGNED)
        for connection in connections:
            stack.callback(connection.close)
            asked(connection, "CreateTable", COMPARED)
        yield connections


class Histories:
    """Random writes and queries. No two items share an index's sort key, since their order is nobody's promise."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    def write(self) -> tuple[str, Request]:
        dice = self._dice
        key = {"forum": {"S": dice.choice(("python", "kafka"))}, "at": {"S": f"{dice.randrange(40):02}"}}
        form = dice.choices(("PutItem", "UpdateItem", "DeleteItem"), (6, 3, 1))[0]
        if form == "PutItem":
            values = {name: self.value(name) for name in dice.sample("nsb", dice.randint(0, 3))}
            text = {"title": {"S": "t" * dice.randint(0, 9)}, "text": {"S": "x" * dice.choice((0, 10, 9_000))}}
            return form, {"TableName": TABLE, "Item": {**key, **values, **text}}
        if form == "DeleteItem":
            return form, {"TableName": TABLE, "Key": key}
        name = dice.choice("nsb")
        if dice.random() < 0.3:
            return form, {"TableName": TABLE, "Key": key, "UpdateExpression": f"SET title = :t REMOVE {name}"} | {
                "ExpressionAttributeValues": {":t": {"S": "new"}}
            }
        return form, {"TableName": TABLE, "Key": key, "UpdateExpression": f"SET {name} = :v"} | {
            "ExpressionAttributeValues": {":v": self.value(name)}
        }

    def value(self, name: str) -> Request:
        dice = self._dice
        match name:
            case "n":
                return {"N": f"{dice.choice(('', '-'))}{dice.randint(1, 10**9)}.{dice.randint(1, 9)}"}
            case "b":
                data = dice.choice((b"", b"\0" * 8, b"\xff" * 7, b"\xff" * 1_000)) + dice.randbytes(9)
                return {"B": base64.b64encode(data).decode()}
            case "s":
                return {"S": dice.choice(("", "a", "long" * 250)) + f"{dice.getrandbits(60):x}"}
            case _:
                return {"S": f"{dice.randrange(40):02}"}

    def query(self) -> Request:
        dice = self._dice
        name, sort = dice.choice(list(SORTS.items()))
        values, condition = {":p": {"S": dice.choice(("python", "kafka"))}}, "forum = :p"
        low, high = sorted((self.value(sort), self.value(sort)), key=in_order)
        match dice.choice(("", "", "<", ">=", "BETWEEN", "begins_with")):
            case "":
                pass
            case "BETWEEN":
                condition += f" AND {sort} BETWEEN :low AND :high"
                values |= {":low": low, ":high": high}
            case "begins_with":
                if sort in "sb":
                    condition += f" AND begins_with({sort}, :low)"
                    values[":low"] = {"S": "long" * 3} if sort == "s" else {"B": base64.b64encode(b"\0" * 5).decode()}
            case comparator:
                condition += f" AND {sort} {comparator} :low"
                values[":low"] = low
        more: Request = dice.choice(
            (
                {},
                {"Select": "COUNT"},
                {"Select": "ALL_ATTRIBUTES"},
                {"Select": "ALL_PROJECTED_ATTRIBUTES"},
                {"ProjectionExpression": "title, #x", "ExpressionAttributeNames": {"#x": "text"}},
            )
        )
        if dice.random() < 0.3:
            more = {**more, "FilterExpression": "title <> :t"}
            values[":t"] = {"S": "new"}
        return {
            "TableName": TABLE,
            "IndexName": name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnConsumedCapacity": "INDEXES",
            **({"Limit": dice.randint(1, 9)} if dice.random() < 0.5 else {}),
            **({"ScanIndexForward": False} if dice.random() < 0.5 else {}),
            **more,
        }


def in_order(value: Request) -> Any:
    ((kind, content),) = value.items()
    return float(content) if kind == "N" else base64.b64decode(content) if kind == "B" else content.encode()


def pages(connection: Connection, query: Request) -> tuple[int, list[Any], list[Any]]:
    """Status, all items in order, and what the pages with any said of themselves: of an empty one Local tells no capacity."""
    items, told, start = [], [], {}
    while True:
        status, answer = connection.call("Query", {**query, **start})
        if status != 200:
            return status, [], []
        items += answer.get("Items", [])
        if answer["ScannedCount"]:
            told.append((answer["Count"], answer["ScannedCount"], answer["ConsumedCapacity"]))
        if "LastEvaluatedKey" not in answer:
            return status, items, told
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def test_random_queries_of_local_indexes_are_answered_as_by_dynamodb_local(
    pair: tuple[Connection, Connection],
) -> None:
    ours, local = pair
    histories, found, refused = Histories(5), 0, 0
    for number in range(WRITES):
        operation, body = histories.write()
        body["ReturnConsumedCapacity"] = "INDEXES"
        assert asked(ours, operation, body) == asked(local, operation, body), json.dumps(body)
        if number % 2:
            query = histories.query()
            our_pages, local_pages = pages(ours, query), pages(local, query)
            assert our_pages == local_pages, json.dumps(query)
            found += len(our_pages[1])
            refused += our_pages[0] == 400
    assert found > WRITES
    assert refused > 5
