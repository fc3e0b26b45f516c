"""The Streams API as applications use it, on both ways to run: in one process over its log, in a cluster over change topics."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stator.model.positions import CATALOG_LOG
from tests.client_load import ClientLoad, create_table, until
from tests.native_cluster import LEADERS, BreakableCluster
from tests.standalone_server import dynamodb, standalone
from tests.stream_reader import StreamReader, assert_whole, dynamodbstreams, stream_arn

CATCH_UP_S = 60.0
LOAD_S = 4.0
VIEW_TYPES = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
OFF = {"StreamEnabled": False}


def on(view_type: str) -> dict[str, Any]:
    return {"StreamEnabled": True, "StreamViewType": view_type}


@pytest.fixture(
    scope="module",
    params=["standalone", pytest.param("cluster", marks=[pytest.mark.cluster, pytest.mark.timeout(600)])],
)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Four partitions, in one process or in many."""
    if request.param == "cluster":
        cluster: BreakableCluster = request.getfixturevalue("shared_cluster")
        with cluster.borrowed():
            yield cluster.endpoint
    else:
        with standalone(tmp_path_factory.mktemp("streams"), "--partitions", "4") as server:
            yield server.endpoint


@pytest.fixture
def db(endpoint: str) -> Iterator[Any]:
    client = dynamodb(endpoint, attempts=5)
    yield client
    client.close()


@pytest.fixture
def streams(endpoint: str) -> Iterator[Any]:
    with dynamodbstreams(endpoint, attempts=5) as client:
        yield client


def write(db: Any, table: str, dice: Random, count: int) -> dict[str, dict[str, Any]]:
    """Random changes of a few items, some of which change nothing; the items at last."""
    items: dict[str, dict[str, Any]] = {}
    for number in range(count):
        key = {"pk": {"S": f"item-{dice.randrange(12)}"}}
        match dice.randrange(4):
            case 0:
                db.delete_item(TableName=table, Key=key)
                items.pop(key["pk"]["S"], None)
            case 1:
                again = {":n": {"N": str(number)}}
                db.update_item(TableName=table, Key=key, UpdateExpression="SET n = :n", ExpressionAttributeValues=again)
                items[key["pk"]["S"]] = items.get(key["pk"]["S"], key) | {"n": again[":n"]}
            case _:
                item = key | {"blob": {"B": bytes([number % 256])}, "set": {"SS": [f"{number}", "x"]}}
                for _ in range(1 + dice.randrange(2)):
                    db.put_item(TableName=table, Item=item)
                items[key["pk"]["S"]] = item
    return items


def plain(item: dict[str, Any] | None) -> dict[str, Any] | None:
    """Sets in one order."""
    if item is None:
        return None
    return {name: {"SS": sorted(value["SS"])} if "SS" in value else value for name, value in item.items()}


def test_a_stream_tells_every_change_once_in_order_and_ends_when_it_is_switched_off(
    endpoint: str, db: Any, streams: Any
) -> None:
    create_table(endpoint, "streamed-whole", StreamSpecification=on("NEW_AND_OLD_IMAGES"))
    arn = stream_arn(streams, "streamed-whole")
    reader = StreamReader(streams, arn)
    assert len(reader.records) == 4
    items = write(db, "streamed-whole", Random(1), 150)
    reader.read()
    db.update_table(TableName="streamed-whole", StreamSpecification=OFF)
    db.put_item(TableName="streamed-whole", Item={"pk": {"S": "too-late"}})
    reader.read_to_the_end(CATCH_UP_S)
    histories = reader.histories()
    assert items.keys() <= histories.keys()
    assert "too-late" not in histories
    for pk, history in histories.items():
        assert all(before != after for before, after in history)
        shown = [(plain(before), plain(after)) for before, after in history]
        assert_whole(shown, plain(items.get(pk)))

    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamStatus"] == "DISABLED"
    for shard in described["Shards"]:
        ending = int(shard["SequenceNumberRange"]["EndingSequenceNumber"])
        records = reader.records[shard["ShardId"]]
        assert all(int(record["dynamodb"]["SequenceNumber"]) < ending for record in records)
    again = StreamReader(streams, arn)
    again.read_to_the_end(CATCH_UP_S)
    assert again.records == reader.records


def test_each_way_to_begin_finds_its_place(endpoint: str, db: Any, streams: Any) -> None:
    create_table(
        endpoint,
        "streamed-places",
        StreamSpecification=on("KEYS_ONLY"),
        Tags=[{"Key": "stator:partitions", "Value": "1"}],
    )
    arn = stream_arn(streams, "streamed-places")
    reader = StreamReader(streams, arn)
    (shard,) = reader.records

    def names(kind: str, **place: Any) -> list[str]:
        made = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **place)
        page = streams.get_records(ShardIterator=made["ShardIterator"])
        return [record["dynamodb"]["Keys"]["pk"]["S"] for record in page["Records"]]

    for name in "abc":
        db.put_item(TableName="streamed-places", Item={"pk": {"S": name}})
        time.sleep(0.01)
    reader.read_until(3, CATCH_UP_S)
    latest = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
    second = reader.records[shard][1]["dynamodb"]["SequenceNumber"]
    assert names("TRIM_HORIZON") == ["a", "b", "c"]
    assert names("AT_SEQUENCE_NUMBER", SequenceNumber=second) == ["b", "c"]
    assert names("AFTER_SEQUENCE_NUMBER", SequenceNumber=second) == ["c"]
    assert names("AT_TIMESTAMP", Timestamp=time.time() - 3600) == ["a", "b", "c"]
    assert names("AT_TIMESTAMP", Timestamp=time.time() - 0.001) == []
    page = streams.get_records(ShardIterator=latest)
    assert page["Records"] == []
    db.put_item(TableName="streamed-places", Item={"pk": {"S": "d"}})
    deadline = time.monotonic() + CATCH_UP_S
    while not page["Records"]:
        assert time.monotonic() < deadline
        page = streams.get_records(ShardIterator=page["NextShardIterator"])
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in page["Records"]] == ["d"]


@pytest.mark.parametrize("view_type", VIEW_TYPES)
def test_a_stream_switched_on_later_shows_the_images_it_was_asked_for(
    endpoint: str, db: Any, streams: Any, view_type: str
) -> None:
    table = "streamed-" + view_type.lower().replace("_", "-")
    create_table(endpoint, table)
    db.put_item(TableName=table, Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    db.update_table(TableName=table, StreamSpecification=on(view_type))
    db.put_item(TableName=table, Item={"pk": {"S": "a"}, "n": {"N": "2"}})
    reader = StreamReader(streams, stream_arn(streams, table))
    reader.read_until(1, CATCH_UP_S)
    ((record,),) = [records for records in reader.records.values() if records]
    assert (record["eventName"], record["dynamodb"]["StreamViewType"]) == ("MODIFY", view_type)
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "a"}}
    images = {
        name: record["dynamodb"][name]["n"]["N"] for name in ("OldImage", "NewImage") if name in record["dynamodb"]
    }
    wanted = {"OldImage": "1", "NewImage": "2"}
    assert images == {
        name: number
        for name, number in wanted.items()
        if view_type in {"NEW_AND_OLD_IMAGES", name.replace("Image", "_IMAGE").upper()}
    }


def test_a_deleted_tables_stream_is_read_to_its_end_beside_that_of_its_successor(
    endpoint: str, db: Any, streams: Any
) -> None:
    table, waits = "streamed-deleted", {"Delay": 1, "MaxAttempts": 60}
    create_table(endpoint, table, StreamSpecification=on("NEW_AND_OLD_IMAGES"))
    arn = stream_arn(streams, table)
    before = StreamReader(streams, arn)
    items = write(db, table, Random(2), 60)
    before.read()
    db.delete_table(TableName=table)
    db.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig=waits)
    create_table(endpoint, table, StreamSpecification=on("KEYS_ONLY"))
    db.put_item(TableName=table, Item={"pk": {"S": "successor"}})

    before.read_to_the_end(CATCH_UP_S)
    histories = before.histories()
    assert items.keys() <= histories.keys()
    for pk, history in histories.items():
        assert_whole([(plain(old), plain(new)) for old, new in history], plain(items.get(pk)))
    again = StreamReader(streams, arn)
    again.read_to_the_end(CATCH_UP_S)
    assert again.records == before.records
    assert streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED"
    listed = [stream["StreamArn"] for stream in streams.list_streams(TableName=table)["Streams"]]
    assert listed == [arn, stream_arn(streams, table)]
    assert len(set(listed)) == 2
    successor = StreamReader(streams, listed[1])
    successor.read_until(1, CATCH_UP_S)
    assert list(successor.histories()) == ["successor"]


def test_a_deleted_tables_stream_outlives_a_restart(tmp_path: Path) -> None:
    with standalone(tmp_path) as server, dynamodbstreams(server.endpoint) as streams:
        create_table(server.endpoint, "gone", StreamSpecification=on("NEW_AND_OLD_IMAGES"))
        db = dynamodb(server.endpoint)
        items = write(db, "gone", Random(3), 40)
        arn = stream_arn(streams, "gone")
        begun = StreamReader(streams, arn)
        db.delete_table(TableName="gone")
        db.close()
    with standalone(tmp_path) as server, dynamodbstreams(server.endpoint) as streams:
        begun.client = streams
        assert stream_arn(streams, "gone") == arn
        fresh = StreamReader(streams, arn)
        for reader in (begun, fresh):
            reader.read_to_the_end(CATCH_UP_S)
            histories = reader.histories()
            assert items.keys() <= histories.keys()
            for pk, history in histories.items():
                assert_whole([(plain(old), plain(new)) for old, new in history], plain(items.get(pk)))
        db = dynamodb(server.endpoint)
        assert db.list_tables()["TableNames"] == []
        db.close()
    assert [int(view.name, 16) for view in (tmp_path / "views").iterdir() if view.is_dir()] == [CATALOG_LOG]


@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_told_twice_while_leaders_and_publishers_die(cluster: BreakableCluster) -> None:
    create_table(cluster.endpoint, "streamed-chaos", StreamSpecification=on("NEW_AND_OLD_IMAGES"))
    load = ClientLoad(cluster.endpoint, "streamed-chaos")
    with dynamodbstreams(cluster.endpoint) as streams:
        arn = stream_arn(streams, "streamed-chaos")
        reader = StreamReader(streams, arn)
        with load.running():
            for victim in ("streams-1", LEADERS[0], "streams-1", LEADERS[1]):
                ends = time.monotonic() + LOAD_S
                while time.monotonic() < ends:
                    reader.read()
                cluster.native.kill(victim)
            killed_at = time.monotonic()
            until(lambda: load.acknowledged_since(killed_at) > 20, patience_s=CATCH_UP_S, complaint="no writes")
        db = dynamodb(cluster.endpoint, attempts=10)
        items = {one["pk"]["S"]: one for one in scan(db, "streamed-chaos")}
        db.update_table(TableName="streamed-chaos", StreamSpecification=OFF)
        db.close()
        reader.read_to_the_end(2 * CATCH_UP_S)
    histories = reader.histories()
    assert items.keys() - histories.keys() == set()
    assert histories.keys() - items.keys() == set()
    for pk, history in histories.items():
        assert_whole(history, items[pk])
    load.assert_kept()


def scan(db: Any, table: str) -> Iterator[dict[str, Any]]:
    """All items, read strongly."""
    for page in db.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]
