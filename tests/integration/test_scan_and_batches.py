"""Scan and the two batch operations over several partitions, on both ways to run: in one process, and as a cluster."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.native_cluster import BreakableCluster
from tests.standalone_server import dynamodb, standalone

TABLE = "scanned"
OTHER = "scanned-too"
COUNT = 100
TEXT_BYTES = 20_000
PAGE_BYTES = 1024 * 1024
INDEXED_WITHIN_S = 30.0
ACTIVE_WITHIN_S = 60.0


def key(number: int) -> dict[str, Any]:
    return {"pk": {"S": f"p{number % 37}"}, "sk": {"N": str(number)}}


def item(number: int) -> dict[str, Any]:
    return key(number) | {
        "parity": {"S": "odd" if number % 2 else "even"},
        "text": {"S": f"{number:05d}" * (TEXT_BYTES // 5)},
    }


ITEMS = [item(number) for number in range(COUNT)]


def create(client: Any, name: str) -> None:
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "parity", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-parity",
                "KeySchema": [{"AttributeName": "parity", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def write_all(client: Any, requests: dict[str, list[dict[str, Any]]]) -> None:
    """As AWS's documentation has it: send again what was not processed."""
    until = time.monotonic() + ACTIVE_WITHIN_S
    while requests:
        requests = client.batch_write_item(RequestItems=requests)["UnprocessedItems"]
        assert time.monotonic() < until


def puts(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": one}} for one in items]


def pages(client: Any, **request: Any) -> Iterator[dict[str, Any]]:
    """All pages of a scan."""
    while True:
        page = client.scan(TableName=TABLE, ConsistentRead="IndexName" not in request, **request)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def numbers(page: dict[str, Any]) -> list[int]:
    return [int(one["sk"]["N"]) for one in page["Items"]]


def scanned(client: Any, **request: Any) -> list[int]:
    return [number for page in pages(client, **request) for number in numbers(page)]


def fill(endpoint: str) -> str:
    client = dynamodb(endpoint, attempts=5)
    create(client, TABLE)
    create(client, OTHER)
    for first in range(0, COUNT, 25):
        write_all(client, {TABLE: puts(ITEMS[first : first + 25])})
    write_all(client, {OTHER: puts([ITEMS[5]])})
    client.close()
    return endpoint


@pytest.fixture(
    scope="module",
    params=["standalone", pytest.param("cluster", marks=[pytest.mark.cluster, pytest.mark.timeout(600)])],
)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Four partitions, in one process or in many, with two tables in them."""
    if request.param == "cluster":
        cluster: BreakableCluster = request.getfixturevalue("shared_cluster")
        with cluster.borrowed():
            yield fill(cluster.endpoint)
    else:
        with standalone(tmp_path_factory.mktemp("scan"), "--partitions", "4") as server:
            yield fill(server.endpoint)


@pytest.fixture
def client(endpoint: str) -> Iterator[Any]:
    opened = dynamodb(endpoint, attempts=3)
    yield opened
    opened.close()


def test_a_batch_gets_what_batches_have_put_from_several_tables(client: Any) -> None:
    wanted = [key(number) for number in range(0, COUNT, 2)]
    got = client.batch_get_item(
        RequestItems={
            TABLE: {"Keys": [*wanted, key(COUNT + 1)], "ConsistentRead": True},
            OTHER: {"Keys": [key(0), key(5)], "ProjectionExpression": "sk", "ConsistentRead": True},
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert got["UnprocessedKeys"] == {}
    assert sorted(got["Responses"][TABLE], key=lambda one: int(one["sk"]["N"])) == ITEMS[::2]
    assert got["Responses"][OTHER] == [{"sk": {"N": "5"}}]
    capacity = {one["TableName"]: one["CapacityUnits"] for one in got["ConsumedCapacity"]}
    assert capacity == {TABLE: 5.0 * len(wanted) + 1, OTHER: 5.0 + 1}  # 20 KB an item, and one for a key without


def test_a_batch_puts_and_deletes(client: Any) -> None:
    added = [key(number) | {"parity": {"S": "none"}} for number in range(1000, 1020)]
    write_all(client, {OTHER: puts(added)})
    removals = [{"DeleteRequest": {"Key": key(number)}} for number in range(1000, 1010)]
    changed = puts([key(number) | {"changed": {"BOOL": True}} for number in range(1010, 1015)])
    write_all(client, {OTHER: [*removals, *changed]})
    request = {"Keys": [key(number) for number in range(1000, 1020)], "ConsistentRead": True}
    got = client.batch_get_item(RequestItems={OTHER: request})["Responses"][OTHER]
    assert sorted((int(one["sk"]["N"]), "changed" in one) for one in got) == [
        *((number, True) for number in range(1010, 1015)),
        *((number, False) for number in range(1015, 1020)),
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"PutRequest": {"Item": {"pk": {"S": "p"}}}}, "The provided key element does not match the schema"),
        (
            {"PutRequest": {"Item": key(2001) | {"parity": {"N": "1"}}}},
            "Type mismatch for Index Key parity Expected: S Actual: N IndexName: by-parity",
        ),
        (
            {"PutRequest": {"Item": key(2001) | {"text": {"S": "x" * 410_000}}}},
            "Item size has exceeded the maximum allowed size",
        ),
        ({"DeleteRequest": {"Key": {"pk": {"S": "p"}}}}, "The provided key element does not match the schema"),
        ({"DeleteRequest": {"Key": key(2000)}}, "Provided list of item keys contains duplicates"),
        ({}, "Supplied AttributeValue has more than one datatypes set"),
    ],
    ids=["no-key", "index-key", "too-large", "key-to-delete", "twice", "nothing"],
)
def test_a_batch_with_a_bad_item_writes_none_of_it(client: Any, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError) as refused:
        client.batch_write_item(RequestItems={OTHER: [*puts([key(2000)]), bad], TABLE: puts([key(2002)])})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert said in refused.value.response["Error"]["Message"]
    request = {"Keys": [key(2000), key(2001), key(2002)], "ConsistentRead": True}
    got = client.batch_get_item(RequestItems={OTHER: request, TABLE: request})
    assert got["Responses"] == {OTHER: [], TABLE: []}


def test_a_batch_that_names_a_missing_table_does_nothing(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.batch_write_item(RequestItems={OTHER: puts([key(2000)]), "missing": puts([key(1)])})
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    request = {OTHER: {"Keys": [key(2000)], "ConsistentRead": True}}
    assert client.batch_get_item(RequestItems=request)["Responses"][OTHER] == []


@pytest.mark.parametrize("total", [1, 2, 3, 8, 50])
def test_the_segments_of_a_scan_are_the_table(client: Any, total: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda segment: scanned(client, Segment=segment, TotalSegments=total), range(total))
        assert sorted(number for part in parts for number in part) == list(range(COUNT))


def test_a_page_goes_on_in_the_next_partition_until_it_is_full(client: Any) -> None:
    found = list(pages(client, ReturnConsumedCapacity="TOTAL"))
    assert sorted(number for page in found for number in numbers(page)) == list(range(COUNT))
    read = [sum(TEXT_BYTES for _ in page["Items"]) for page in found]
    assert all(size > PAGE_BYTES - 2 * TEXT_BYTES for size in read[:-1])
    assert len(found) == 2


@pytest.mark.parametrize("limit", [1, 7, COUNT])
def test_a_limit_counts_over_all_partitions_and_no_item_comes_twice(client: Any, limit: int) -> None:
    found = list(pages(client, Limit=limit, ProjectionExpression="sk"))
    assert all(page["ScannedCount"] <= limit for page in found)
    assert all(page["ScannedCount"] == limit for page in found[:-1] if limit < 50)
    assert sorted(number for page in found for number in numbers(page)) == list(range(COUNT))


def test_capacity_and_scanned_count_are_counted_before_the_filter(client: Any) -> None:
    filtered: dict[str, Any] = {
        "FilterExpression": "parity = :even",
        "ExpressionAttributeValues": {":even": {"S": "even"}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    found = list(pages(client, Select="COUNT", **filtered))
    whole = list(pages(client, ReturnConsumedCapacity="TOTAL"))
    assert sum(page["Count"] for page in found) == COUNT // 2
    assert sum(page["ScannedCount"] for page in found) == COUNT
    assert [page["ConsumedCapacity"] for page in found] == [page["ConsumedCapacity"] for page in whole]
    assert all("Items" not in page for page in found)


def test_an_index_is_scanned_as_it_is_projected(client: Any) -> None:
    until = time.monotonic() + INDEXED_WITHIN_S
    while len(scanned(client, IndexName="by-parity")) < COUNT and time.monotonic() < until:
        time.sleep(0.1)
    found = list(pages(client, IndexName="by-parity", Limit=30))
    assert sorted(number for page in found for number in numbers(page)) == list(range(COUNT))
    assert all(set(one) == {"pk", "sk", "parity"} for page in found for one in page["Items"])
    assert all(set(page["LastEvaluatedKey"]) == {"pk", "sk", "parity"} for page in found[:-1])


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            {"IndexName": "by-parity", "ConsistentRead": True},
            "Consistent reads are not supported on global secondary indexes",
        ),
        ({"IndexName": "none"}, "The table does not have the specified index: none"),
        ({"Segment": 0}, "The TotalSegments parameter is required but was not present"),
        ({"TotalSegments": 1_000_001, "Segment": 0}, "Member must have value less than or equal to 1000000"),
        (
            {"ExclusiveStartKey": {"pk": {"S": "p"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        ({"Limit": 0}, "Member must have value greater than or equal to 1"),
    ],
)
def test_a_wrong_scan_is_refused_in_amazons_words(client: Any, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match="ValidationException") as refused:
        client.scan(TableName=TABLE, **request_)
    assert said in refused.value.response["Error"]["Message"]
