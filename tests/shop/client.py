"""The shop as a program of a user of DynamoDB: plain boto3, several clients at once, no knowledge of what answers."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from tests.shop.changes import Change, Item, Key, key_of
from tests.shop.model import INDEXES, IndexModel
from tests.standalone_server import dynamodb

TABLE = "shop"
CLIENTS = 8
POLL_S = 0.2

Rows = list[Item]


class ShopClient:
    """Several boto3 clients; the changes of one customer always go through the same one, in order."""

    def __init__(self, endpoint: str) -> None:
        self._clients = [dynamodb(endpoint) for _ in range(CLIENTS)]
        self._threads = ThreadPoolExecutor(CLIENTS, thread_name_prefix="shop")
        self.client = self._clients[0]

    def close(self) -> None:
        self._threads.shutdown()
        for client in self._clients:
            client.close()

    def open_shop(self) -> None:
        """The table with two indexes, a stream, and point-in-time recovery from the start."""
        names = ("pk", "sk", *dict.fromkeys(name for index in INDEXES for name in (index.partition, index.sort)))
        self.client.create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=_key_schema("pk", "sk"),
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[_index_request(index) for index in INDEXES],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self.client.update_continuous_backups(
            TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )

    def play(self, wave: Sequence[Change]) -> None:
        """Make the changes, every one acknowledged at the first attempt."""
        customers = {change.key[0]: None for change in wave}
        lane_of = {customer: number % CLIENTS for number, customer in enumerate(customers)}
        lanes: list[list[Change]] = [[] for _ in range(CLIENTS)]
        for change in wave:
            lanes[lane_of[change.key[0]]].append(change)
        self._each(_play_lane, list(zip(self._clients, lanes, strict=True)))

    def restore(self, instant: datetime, name: str, patience_s: float) -> None:
        """The shop as it was, as a new table; returns when it is ACTIVE."""
        self.client.restore_table_to_point_in_time(SourceTableName=TABLE, TargetTableName=name, RestoreDateTime=instant)
        eventually(
            lambda: self.client.describe_table(TableName=name)["Table"]["TableStatus"], "ACTIVE", patience_s=patience_s
        )

    def items(self, table: str, partition_keys: Sequence[str], *, strong: bool = True) -> dict[Key, Item]:
        """Everything under these partition keys."""
        requests = [_query(table, "pk", value) | {"ConsistentRead": strong} for value in partition_keys]
        return _by_key(self._pages(requests))

    def index(self, table: str, index: IndexModel, partition_keys: Sequence[str]) -> dict[Key, Item]:
        """Everything the index shows under these keys of its own; asserts each page's order."""
        requests = [
            _query(table, index.partition, value) | {"IndexName": index.name, "ScanIndexForward": number % 2 == 0}
            for number, value in enumerate(partition_keys)
        ]
        found = self._pages(requests)
        for request, rows in zip(requests, found, strict=True):
            order = [row[index.sort]["S"] for row in rows]
            assert order == sorted(order, reverse=not request["ScanIndexForward"])
        return _by_key(found)

    def item_counts(self, table: str) -> dict[str, int]:
        """Of the table, under its name, and of its indexes."""
        shown = self.client.describe_table(TableName=table)["Table"]
        indexes = {index["IndexName"]: index["ItemCount"] for index in shown["GlobalSecondaryIndexes"]}
        return {table: shown["ItemCount"]} | indexes

    def drop(self, table: str) -> None:
        """Have no such table any more."""
        self.client.delete_table(TableName=table)

    def _pages(self, requests: Sequence[dict[str, Any]]) -> list[Rows]:
        """The rows of each query, all pages."""
        work = [(self._clients[number % CLIENTS], request) for number, request in enumerate(requests)]
        return self._each(_all_pages, work)

    def _each(self, work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return list(self._threads.map(lambda given: work(*given), arguments))


def eventually(look: Callable[[], object], expected: object, *, patience_s: float) -> None:
    """Look until the expected is seen; after `patience_s` the difference is the test's failure."""
    deadline = time.monotonic() + patience_s
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(POLL_S)
    assert seen == expected


def _play_lane(client: Any, changes: Sequence[Change]) -> None:
    for change in changes:
        getattr(client, change.method)(TableName=TABLE, **change.arguments)


def _all_pages(client: Any, request: dict[str, Any]) -> Rows:
    return list(_rows(client, request))


def _rows(client: Any, request: dict[str, Any]) -> Iterator[Item]:
    page = client.query(**request)
    yield from page["Items"]
    while "LastEvaluatedKey" in page:
        page = client.query(**request, ExclusiveStartKey=page["LastEvaluatedKey"])
        yield from page["Items"]


def _by_key(found: Sequence[Rows]) -> dict[Key, Item]:
    rows = [row for rows in found for row in rows]
    items = {key_of(row): _with_sorted_sets(row) for row in rows}
    assert len(items) == len(rows), "an item was shown twice"
    return items


def _with_sorted_sets(item: Item) -> Item:
    """Sets have no order: the model keeps them sorted."""
    return {name: {"SS": sorted(value["SS"])} if "SS" in value else value for name, value in item.items()}


def _query(table: str, name: str, value: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": {"#key": name},
        "ExpressionAttributeValues": {":key": {"S": value}},
    }


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _index_request(index: IndexModel) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "ALL"}
    if index.include is not None:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.include)}
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.partition, index.sort),
        "Projection": projection,
    }
