"""A forum on boto3's client: its waiters, its paginators, its exceptions, and everything a table can carry."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

TABLE = "forum-threads"
FORUM = "Amazon DynamoDB"
AUTHORS = ("ann", "bob", "cem")
FOLLOWED_WITHIN_S = 20.0

Item = dict[str, Any]


def thread(number: int) -> Item:
    """Posted in another order than subjects have."""
    return {
        "Forum": {"S": FORUM},
        "Subject": {"S": f"thread {number:02}"},
        "Author": {"S": AUTHORS[number % len(AUTHORS)]},
        "Posted": {"N": str((number * 7) % 25 + 1_000)},
        "Likes": {"N": str(number)},
        "Message": {"S": "x" * 50},
    }


THREADS = [thread(number) for number in range(25)]


def key_of(item: Item) -> Item:
    return {name: item[name] for name in ("Forum", "Subject")}


@pytest.fixture(scope="module")
def dynamodb(aws_environment: None) -> Iterator[Any]:
    client = boto3.client("dynamodb")
    yield client
    client.close()


@pytest.fixture(scope="module")
def arn(dynamodb: Any) -> Iterator[str]:
    """The table, made, awaited and filled as the developer guide does it; gone afterwards, which is a claim too."""
    projection = {"ProjectionType": "ALL"}
    created = dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": "Forum", "AttributeType": "S"},
            {"AttributeName": "Subject", "AttributeType": "S"},
            {"AttributeName": "Author", "AttributeType": "S"},
            {"AttributeName": "Posted", "AttributeType": "N"},
        ],
        KeySchema=[key("Forum", "HASH"), key("Subject", "RANGE")],
        LocalSecondaryIndexes=[
            {
                "IndexName": "ByPosted",
                "KeySchema": [key("Forum", "HASH"), key("Posted", "RANGE")],
                "Projection": projection,
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "ByAuthor",
                "KeySchema": [key("Author", "HASH"), key("Posted", "RANGE")],
                "Projection": projection,
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        Tags=[{"Key": "team", "Value": "community"}],
    )
    assert created["TableDescription"]["TableName"] == TABLE
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    unwritten = {TABLE: [{"PutRequest": {"Item": item}} for item in THREADS]}
    while unwritten:
        unwritten = dynamodb.batch_write_item(RequestItems=unwritten)["UnprocessedItems"]
    yield created["TableDescription"]["TableArn"]
    dynamodb.delete_table(TableName=TABLE)
    dynamodb.get_waiter("table_not_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.describe_table(TableName=TABLE)


def key(name: str, role: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": role}


def of_forum(**more: Any) -> dict[str, Any]:
    condition = {"KeyConditionExpression": "Forum = :forum", "ExpressionAttributeValues": {":forum": {"S": FORUM}}}
    return {"TableName": TABLE, "ConsistentRead": True, **condition, **more}


def subjects(items: list[Item]) -> list[str]:
    return [item["Subject"]["S"] for item in items]


def test_a_description_says_what_was_asked_for(dynamodb: Any, arn: str) -> None:
    table = dynamodb.describe_table(TableName=TABLE)["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["TableArn"] == arn
    assert table["KeySchema"] == [key("Forum", "HASH"), key("Subject", "RANGE")]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [index["IndexName"] for index in table["LocalSecondaryIndexes"]] == ["ByPosted"]
    assert [(index["IndexName"], index["IndexStatus"]) for index in table["GlobalSecondaryIndexes"]] == [
        ("ByAuthor", "ACTIVE")
    ]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["LatestStreamArn"] == f"{arn}/stream/{table['LatestStreamLabel']}"


def test_the_table_is_listed(dynamodb: Any, arn: str) -> None:
    pages = dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1})
    assert TABLE in [name for page in pages for name in page["TableNames"]]


@pytest.mark.parametrize("forward", [True, False])
def test_a_query_gives_every_thread_once_in_order_whatever_the_page(dynamodb: Any, arn: str, forward: bool) -> None:
    paginator = dynamodb.get_paginator("query")
    pages = list(paginator.paginate(**of_forum(ScanIndexForward=forward), PaginationConfig={"PageSize": 10}))
    assert [page["Count"] for page in pages] == [10, 10, 5]
    assert [item for page in pages for item in page["Items"]] == (THREADS if forward else THREADS[::-1])


def test_a_local_index_gives_threads_by_time_and_reads_consistently(dynamodb: Any, arn: str) -> None:
    pages = dynamodb.get_paginator("query").paginate(**of_forum(IndexName="ByPosted"), PaginationConfig={"PageSize": 7})
    found = [item for page in pages for item in page["Items"]]
    assert found == sorted(THREADS, key=lambda item: int(item["Posted"]["N"]))


def test_a_global_index_gives_the_threads_of_an_author_by_time(dynamodb: Any, arn: str) -> None:
    expected = sorted(THREADS[1::3], key=lambda item: int(item["Posted"]["N"]))
    deadline = time.monotonic() + FOLLOWED_WITHIN_S
    while True:
        found = dynamodb.query(
            TableName=TABLE,
            IndexName="ByAuthor",
            KeyConditionExpression="Author = :author AND Posted >= :since",
            ExpressionAttributeValues={":author": {"S": "bob"}, ":since": {"N": "0"}},
        )["Items"]
        if found == expected or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert found == expected


def test_a_filter_counts_what_it_left_out(dynamodb: Any, arn: str) -> None:
    answer = dynamodb.query(
        **of_forum(
            FilterExpression="Likes < :few AND contains(#author, :letter)",
            ExpressionAttributeNames={"#author": "Author"},
            ExpressionAttributeValues={":forum": {"S": FORUM}, ":few": {"N": "9"}, ":letter": {"S": "n"}},
            ReturnConsumedCapacity="TOTAL",
        )
    )
    assert subjects(answer["Items"]) == ["thread 00", "thread 03", "thread 06"]
    assert (answer["Count"], answer["ScannedCount"]) == (3, 25)
    assert answer["ConsumedCapacity"] == {"TableName": TABLE, "CapacityUnits": 1.0}


def test_a_scan_in_segments_finds_every_thread_once(dynamodb: Any, arn: str) -> None:
    paginator = dynamodb.get_paginator("scan")
    found = [
        item
        for segment in range(3)
        for page in paginator.paginate(
            TableName=TABLE, ConsistentRead=True, Segment=segment, TotalSegments=3, PaginationConfig={"PageSize": 4}
        )
        for item in page["Items"]
    ]
    assert sorted(found, key=lambda item: str(item["Subject"])) == THREADS


def test_a_batch_of_gets_projects_and_leaves_out_what_is_not_there(dynamodb: Any, arn: str) -> None:
    absent = {"Forum": {"S": FORUM}, "Subject": {"S": "never written"}}
    wanted = [absent, *map(key_of, THREADS[:3])]
    answer = dynamodb.batch_get_item(
        RequestItems={
            TABLE: {
                "Keys": wanted,
                "ProjectionExpression": "#subject, Likes",
                "ExpressionAttributeNames": {"#subject": "Subject"},
                "ConsistentRead": True,
            }
        }
    )
    assert answer["UnprocessedKeys"] == {}
    found = sorted(answer["Responses"][TABLE], key=lambda item: str(item["Subject"]))
    assert found == [{name: item[name] for name in ("Subject", "Likes")} for item in THREADS[:3]]


def test_a_condition_that_fails_is_told_with_the_item(dynamodb: Any, arn: str) -> None:
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as refused:
        dynamodb.put_item(
            TableName=TABLE,
            Item=THREADS[4] | {"Message": {"S": "overwritten"}},
            ConditionExpression="attribute_not_exists(Forum)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Error"]["Message"] == "The conditional request failed"
    assert refused.value.response["Item"] == THREADS[4]
    assert dynamodb.get_item(TableName=TABLE, Key=key_of(THREADS[4]), ConsistentRead=True)["Item"] == THREADS[4]


def test_a_wrong_request_is_refused_in_aws_words(dynamodb: Any, arn: str) -> None:
    with pytest.raises(ClientError, match=r"unused in expressions: keys: \{:nobody\}") as refused:
        dynamodb.query(**of_forum(ExpressionAttributeValues={":forum": {"S": FORUM}, ":nobody": {"S": "asks"}}))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_tags_come_with_the_table_and_change(dynamodb: Any, arn: str) -> None:
    def tags() -> dict[str, str]:
        pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    assert tags() == {"team": "community"}
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "web"}])
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["stage"])
    assert tags() == {"team": "web"}


def test_time_to_live_is_switched_on_and_described(dynamodb: Any, arn: str) -> None:
    assert dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    asked = {"Enabled": True, "AttributeName": "Expires"}
    answer = dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=asked)
    assert answer["TimeToLiveSpecification"] == asked
    described = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert described["AttributeName"] == "Expires"
    assert described["TimeToLiveStatus"] in {"ENABLING", "ENABLED"}


def test_the_stream_tells_the_life_of_an_item(dynamodb: Any, arn: str) -> None:
    item = {"Forum": {"S": "Streams"}, "Subject": {"S": "a life"}, "Likes": {"N": "0"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    dynamodb.update_item(
        TableName=TABLE,
        Key=key_of(item),
        UpdateExpression="ADD Likes :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    dynamodb.delete_item(TableName=TABLE, Key=key_of(item))
    liked = item | {"Likes": {"N": "1"}}
    expected = [("INSERT", None, item), ("MODIFY", item, liked), ("REMOVE", liked, None)]

    stream_arn = dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    records = records_from_the_start(stream_arn, expected=len(THREADS) + len(expected))
    assert len({record["eventID"] for record in records}) == len(records)
    life = [record for record in records if record["dynamodb"]["Keys"] == key_of(item)]
    images = [(r["eventName"], r["dynamodb"].get("OldImage"), r["dynamodb"].get("NewImage")) for r in life]
    assert images == expected
    first = [r["dynamodb"]["NewImage"] for r in records if r["eventName"] == "INSERT" and r not in life]
    assert sorted(first, key=lambda image: str(image["Subject"])) == THREADS


def records_from_the_start(stream_arn: str, *, expected: int) -> list[dict[str, Any]]:
    """What the shards of a stream hold: a stream follows its table in its time, so until as many as expected and no more."""
    streams = boto3.client("dynamodbstreams")
    assert stream_arn in [stream["StreamArn"] for stream in streams.list_streams(TableName=TABLE)["Streams"]]
    described = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]
    assert described["StreamStatus"] == "ENABLED"
    start = {"StreamArn": stream_arn, "ShardIteratorType": "TRIM_HORIZON"}
    iterators = [
        streams.get_shard_iterator(ShardId=shard["ShardId"], **start)["ShardIterator"] for shard in described["Shards"]
    ]
    found: list[dict[str, Any]] = []
    fresh = True
    deadline = time.monotonic() + FOLLOWED_WITHIN_S
    while fresh or (len(found) < expected and time.monotonic() < deadline):
        pages = [streams.get_records(ShardIterator=iterator) for iterator in iterators]
        iterators = [page["NextShardIterator"] for page in pages]
        fresh = any(page["Records"] for page in pages)
        found += [record for page in pages for record in page["Records"]]
    streams.close()
    return found
