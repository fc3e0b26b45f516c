"""Time to live as a user has it: items go by themselves, an index and a restore agree, and a restart does not stop it."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.native_cluster import BreakableCluster
from tests.standalone_server import StandaloneServer, dynamodb, standalone

SWEEP_S = 0.5
PATIENCE_S = 20.0

TABLE: dict[str, Any] = {
    "TableName": "Sessions",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "user", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-user",
            "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "Tags": [{"Key": "stator:partitions", "Value": "3"}],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
EXPIRE = {"TableName": "Sessions", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
SWITCH_ON = {"TableName": "Sessions", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneServer]:
    with standalone(tmp_path_factory.mktemp("expiry"), "--ttl-sweep-seconds", str(SWEEP_S)) as running:
        yield running


def session(name: str, until: float | None) -> dict[str, Any]:
    item = {"id": {"S": name}, "user": {"S": "ada"}}
    return item if until is None else item | {"until": {"N": str(int(until))}}


def there(client: Any, table: str, *names: str) -> set[str]:
    """Which of these items the table has."""
    keys = [{"id": {"S": name}} for name in names]
    return {name for name, key in zip(names, keys, strict=True) if "Item" in client.get_item(TableName=table, Key=key)}


def by_user(client: Any, table: str) -> set[str]:
    page = client.query(
        TableName=table,
        IndexName="by-user",
        KeyConditionExpression="#u = :u",
        ExpressionAttributeNames={"#u": "user"},
        ExpressionAttributeValues={":u": {"S": "ada"}},
    )
    return {item["id"]["S"] for item in page["Items"]}


def eventually(reached: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_what_is_due_goes_what_is_not_stays_and_a_restore_brings_it_back(server: StandaloneServer) -> None:
    client = dynamodb(server.endpoint, attempts=5)
    client.create_table(**TABLE)
    client.update_continuous_backups(**SWITCH_ON)
    names = ("over", "renewed", "soon", "later", "never")
    now = time.time()
    for name, until in zip(names, (now - 10, now - 10, now + 4, now + 3600, None), strict=True):
        client.put_item(TableName="Sessions", Item=session(name, until))
    client.put_item(TableName="Sessions", Item=session("renewed", now + 3600))
    eventually(lambda: by_user(client, "Sessions") == set(names))
    before_expiry = datetime.now(UTC)

    client.update_time_to_live(**EXPIRE)
    eventually(lambda: there(client, "Sessions", *names) == {"renewed", "soon", "later", "never"})
    eventually(lambda: there(client, "Sessions", *names) == {"renewed", "later", "never"})
    assert time.time() >= int(now + 4)
    eventually(lambda: by_user(client, "Sessions") == {"renewed", "later", "never"})

    client.restore_table_to_point_in_time(
        SourceTableName="Sessions", TargetTableName="Before", RestoreDateTime=before_expiry
    )
    eventually(lambda: client.describe_table(TableName="Before")["Table"]["TableStatus"] == "ACTIVE")
    time.sleep(4 * SWEEP_S)
    assert there(client, "Before", *names) == set(names)
    assert by_user(client, "Before") == set(names)
    restored = client.describe_table(TableName="Before")["Table"]
    assert "StreamSpecification" not in restored
    assert client.describe_time_to_live(TableName="Before")["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    assert client.list_tags_of_resource(ResourceArn=restored["TableArn"])["Tags"] == []
    backups = client.describe_continuous_backups(TableName="Before")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    client.close()


def test_items_go_on_expiring_after_a_kill_without_any_request(server: StandaloneServer) -> None:
    client = dynamodb(server.endpoint, attempts=5)
    client.create_table(**TABLE)
    client.update_time_to_live(**EXPIRE)
    for number in range(20):
        client.put_item(TableName="Sessions", Item=session(f"s{number}", time.time() + 5))
    arn = client.describe_table(TableName="Sessions")["Table"]["LatestStreamArn"]
    server.kill()
    server.start()
    streams = server.client("dynamodbstreams")
    eventually(lambda: len(removals(streams, arn)) == 20)
    for record in removals(streams, arn):
        assert record["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
        assert record["dynamodb"]["OldImage"]["user"] == {"S": "ada"}
    assert client.scan(TableName="Sessions")["Count"] == 0
    client.close()


def removals(streams: Any, arn: str) -> list[dict[str, Any]]:
    """What a stream tells of items that went."""
    found = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        at = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**at)["ShardIterator"]
        while records := (page := streams.get_records(ShardIterator=iterator))["Records"]:
            found += [record for record in records if record["eventName"] == "REMOVE"]
            iterator = page["NextShardIterator"]
    return found


@pytest.mark.cluster
def test_in_a_cluster_the_stream_that_was_switched_on_later_tells_what_expired(cluster: BreakableCluster) -> None:
    client = dynamodb(cluster.endpoint, attempts=5)
    name = "Sessions-later"
    client.create_table(
        **{key: value for key, value in TABLE.items() if key != "StreamSpecification"} | {"TableName": name}
    )
    client.put_item(TableName=name, Item=session("before", None))
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    shown = client.update_table(TableName=name, StreamSpecification=view)["TableDescription"]
    client.update_time_to_live(**EXPIRE | {"TableName": name})
    client.delete_item(TableName=name, Key={"id": {"S": "before"}})
    client.put_item(TableName=name, Item=session("over", time.time() - 10))
    eventually(lambda: there(client, name, "over") == set(), patience_s=60)
    streams = streams_client(cluster.endpoint)
    eventually(lambda: len(removals(streams, shown["LatestStreamArn"])) == 2, patience_s=60)
    told = {record["dynamodb"]["Keys"]["id"]["S"]: record for record in removals(streams, shown["LatestStreamArn"])}
    assert "userIdentity" not in told["before"]
    assert told["over"]["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    streams.close()
    client.close()


def streams_client(endpoint: str) -> Any:
    return boto3.client(
        "dynamodbstreams",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
