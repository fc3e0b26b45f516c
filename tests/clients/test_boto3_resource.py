"""A record shop on boto3's resources: Python's own types in and out, and the batch writer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

TABLE = "record_shop.albums"
ARTISTS = 6
ALBUMS_EACH = 11  # 66: more than two batches of 25

Item = dict[str, Any]


def album(artist: int, number: int) -> Item:
    return {
        "Artist": f"artist {artist}",
        "Title": f"album {number:02}",
        "Year": Decimal(1960 + artist * 10 + number),
        "Price": Decimal("9.99") + number,
    }


ALBUMS = [album(artist, number) for artist in range(ARTISTS) for number in range(ALBUMS_EACH)]


def key_of(item: Item) -> Item:
    return {name: item[name] for name in ("Artist", "Title")}


@pytest.fixture(scope="module")
def dynamodb(aws_environment: None) -> Iterator[Any]:
    resource = boto3.resource("dynamodb")
    yield resource
    resource.meta.client.close()


@pytest.fixture(scope="module")
def table(dynamodb: Any) -> Iterator[Any]:
    """Made, awaited and filled; gone afterwards."""
    table = dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": "Artist", "AttributeType": "S"},
            {"AttributeName": "Title", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "Artist", "KeyType": "HASH"},
            {"AttributeName": "Title", "KeyType": "RANGE"},
        ],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 7},
    )
    table.wait_until_exists()
    with table.batch_writer(overwrite_by_pkeys=["Artist", "Title"]) as batch:
        for item in ALBUMS:
            batch.put_item(Item=item | {"Price": Decimal(0)})
            batch.put_item(Item=item)  # the later one counts
    yield table
    table.delete()
    table.wait_until_not_exists()
    assert TABLE not in [other.name for other in dynamodb.tables.all()]


def test_a_loaded_table_knows_itself(dynamodb: Any, table: Any) -> None:
    table.load()
    assert table.table_status == "ACTIVE"
    assert table.key_schema == [
        {"AttributeName": "Artist", "KeyType": "HASH"},
        {"AttributeName": "Title", "KeyType": "RANGE"},
    ]
    assert (table.provisioned_throughput["ReadCapacityUnits"], table.provisioned_throughput["WriteCapacityUnits"]) == (
        5,
        7,
    )
    assert timedelta(0) <= datetime.now(UTC) - table.creation_date_time < timedelta(minutes=5)
    assert isinstance(table.item_count, int)
    assert isinstance(table.table_size_bytes, int)
    assert table.table_arn.endswith(f":table/{TABLE}")
    assert TABLE in [other.name for other in dynamodb.tables.limit(100)]


def test_an_unknown_table_is_refused(dynamodb: Any) -> None:
    with pytest.raises(dynamodb.meta.client.exceptions.ResourceNotFoundException):
        dynamodb.Table("no-such-shop").load()


def test_every_type_of_python_comes_back_as_it_went(table: Any) -> None:
    item = {
        "Artist": "types",
        "Title": "Größe 大 🎵",
        "Exact": Decimal("-0.12345678901234567890123456789012345678"),
        "Huge": Decimal("9.9E+36"),
        "Tiny": Decimal("1E-130"),
        "Cover": Binary(bytes(range(256))),
        "Genres": {"jazz", "soul"},
        "Ratings": {Decimal(1), Decimal("2.5")},
        "Samples": {Binary(b"\x00"), Binary(b"\xff\xfe")},
        "Tracks": [{"Name": "one", "Seconds": Decimal(181)}, ["nested", [Decimal(1), None]], ""],
        "Notes": {"empty": {}, "list": [], "null": None, "yes": True, "no": False, "Ünï": "cödé"},
        "EmptyBinary": Binary(b""),
    }
    table.put_item(Item=item)
    assert table.get_item(Key=key_of(item), ConsistentRead=True)["Item"] == item
    assert table.delete_item(Key=key_of(item), ReturnValues="ALL_OLD")["Attributes"] == item
    assert "Item" not in table.get_item(Key=key_of(item), ConsistentRead=True)


def test_conditions_of_keys_and_attributes_become_expressions(table: Any) -> None:
    answer = table.query(
        KeyConditionExpression=Key("Artist").eq("artist 2") & Key("Title").between("album 03", "album 08"),
        FilterExpression=Attr("Price").gt(Decimal(14))
        & ~Attr("Sold").exists()
        & Attr("Year").is_in([1985, 1986, 1999]),
        ConsistentRead=True,
    )
    assert answer["Items"] == [album(2, 5), album(2, 6)]
    prefixed = table.query(
        KeyConditionExpression=Key("Artist").eq("artist 1") & Key("Title").begins_with("album 1"), ConsistentRead=True
    )
    assert prefixed["Items"] == [album(1, 10)]


def test_pages_follow_the_last_evaluated_key(table: Any) -> None:
    found: list[Item] = []
    request: dict[str, Any] = {"KeyConditionExpression": Key("Artist").eq("artist 3"), "ScanIndexForward": False}
    pages = 0
    while True:
        page = table.query(**request, Limit=4, ConsistentRead=True)
        found += page["Items"]
        pages += 1
        if "LastEvaluatedKey" not in page:
            break
        assert page["LastEvaluatedKey"] == key_of(page["Items"][-1])
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert found == [album(3, number) for number in reversed(range(ALBUMS_EACH))]
    assert pages == 3


def test_a_scan_projects_and_filters(table: Any) -> None:
    answer = table.scan(
        ProjectionExpression="Artist, #y",
        ExpressionAttributeNames={"#y": "Year"},
        FilterExpression=Attr("Title").eq("album 07"),
        ConsistentRead=True,
    )
    expected = [{name: album(artist, 7)[name] for name in ("Artist", "Year")} for artist in range(ARTISTS)]
    assert sorted(answer["Items"], key=lambda item: str(item["Artist"])) == expected
    assert answer["ScannedCount"] == len(ALBUMS)


def test_a_batch_of_gets_over_the_resource(dynamodb: Any, table: Any) -> None:
    wanted = [album(artist, artist) for artist in range(ARTISTS)]
    answer = dynamodb.batch_get_item(
        RequestItems={TABLE: {"Keys": [key_of(item) for item in wanted], "ConsistentRead": True}}
    )
    assert sorted(answer["Responses"][TABLE], key=lambda item: str(item["Artist"])) == wanted


def test_an_update_answers_with_what_it_made(table: Any) -> None:
    key = {"Artist": "updates", "Title": "single"}
    table.put_item(Item=key | {"Sold": 1, "Shelves": ["a"], "Formats": {"LP"}, "Price": 5})
    answer = table.update_item(
        Key=key,
        UpdateExpression="SET Shelves = list_append(Shelves, :more), Best = if_not_exists(Best, :none) "
        "REMOVE Price ADD Sold :two, Formats :cd",
        ExpressionAttributeValues={":more": ["b"], ":none": None, ":two": 2, ":cd": {"CD"}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == key | {
        "Sold": Decimal(3),
        "Shelves": ["a", "b"],
        "Formats": {"LP", "CD"},
        "Best": None,
    }
    with pytest.raises(ClientError) as refused:
        table.delete_item(Key=key, ConditionExpression=Attr("Sold").lt(3))
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    table.delete_item(Key=key, ConditionExpression=Attr("Sold").lte(3))
    assert "Item" not in table.get_item(Key=key, ConsistentRead=True)


def test_a_batch_writer_deletes_too(table: Any) -> None:
    keys = [{"Artist": "deleted", "Title": str(number)} for number in range(30)]
    with table.batch_writer() as batch:
        for key in keys:
            batch.put_item(Item=key)
    with table.batch_writer() as batch:
        for key in keys[:-1]:
            batch.delete_item(Key=key)
    assert table.query(KeyConditionExpression=Key("Artist").eq("deleted"), ConsistentRead=True)["Items"] == keys[-1:]
    table.delete_item(Key=keys[-1])


def test_a_transaction_takes_pythons_types_and_tells_its_reasons(dynamodb: Any, table: Any) -> None:
    client = dynamodb.meta.client
    first, second = ({"Artist": "transactions", "Title": title} for title in ("first", "second"))
    client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": TABLE, "Item": first | {"Sold": 1, "Price": Decimal("9.50")}}},
            {
                "Update": {
                    "TableName": TABLE,
                    "Key": second,
                    "UpdateExpression": "SET Formats = :formats",
                    "ExpressionAttributeValues": {":formats": {"LP"}},
                }
            },
        ]
    )
    check = {"TableName": TABLE, "Key": first, "ConditionExpression": "Sold > :n"}
    with pytest.raises(client.exceptions.TransactionCanceledException) as refused:
        client.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": TABLE, "Key": second}},
                {"ConditionCheck": check | {"ExpressionAttributeValues": {":n": 1}}},
            ]
        )
    reasons = refused.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    answer = client.transact_get_items(
        TransactItems=[{"Get": {"TableName": TABLE, "Key": key}} for key in (second, first)]
    )
    assert [one["Item"] for one in answer["Responses"]] == [
        second | {"Formats": {"LP"}},
        first | {"Sold": Decimal(1), "Price": Decimal("9.50")},
    ]
    with table.batch_writer() as batch:
        for key in (first, second):
            batch.delete_item(Key=key)
