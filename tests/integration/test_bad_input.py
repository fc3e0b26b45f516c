"""Requests that are wrong, sent to a real server: AWS's error, the connection kept, nothing written.

`tests/unit/router/test_validation.py` has every text; here is one of each kind, with all that lies behind the front door.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.raw_connection import Connection
from tests.standalone_server import StandaloneServer, standalone

TABLE = "things"
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
THING = KEY | {"s": {"S": "text"}, "m": {"M": {"n": {"N": "1"}}}}
INVALID = "One or more parameter values were invalid: "
ITEM_BYTES_MAX = 400 * 1024
BODY_BYTES = 17 * 1024 * 1024  # over DynamoDB's 16 MB
NESTING = 200_000

CREATE = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "colour", "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-colour",
            "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneServer]:
    with standalone(tmp_path_factory.mktemp("bad-input")) as running:
        connection = Connection(running.port)
        assert connection.call("CreateTable", CREATE)[0] == 200
        connection.close()
        yield running


@pytest.fixture
def connection(server: StandaloneServer) -> Iterator[Connection]:
    """A connection to a table that holds THING and nothing else under its partition key."""
    opened = Connection(server.port)
    assert opened.call("PutItem", {"TableName": TABLE, "Item": THING}) == (200, {})
    yield opened
    opened.close()


def put(**attributes: Any) -> tuple[str, dict[str, Any]]:
    item = {name: value for name, value in (KEY | {"s": {"S": "new"}} | attributes).items() if value is not None}
    return "PutItem", {"TableName": TABLE, "Item": item}


def conditional_put(condition: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return "PutItem", {"TableName": TABLE, "Item": KEY, "ConditionExpression": condition} | parameters


def update(expression: str, value: Any = None) -> tuple[str, dict[str, Any]]:
    asked = {"TableName": TABLE, "Key": KEY, "UpdateExpression": expression}
    return "UpdateItem", asked if value is None else asked | {"ExpressionAttributeValues": {":v": value}}


def get(key: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "GetItem", {"TableName": TABLE, "Key": key}


def query(condition: str, value: Any, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return "Query", {
        "TableName": TABLE,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {":v": value},
    } | parameters


def batch(*requests: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A good put, and these: all of it or nothing."""
    good = {"PutRequest": {"Item": KEY | {"sk": {"N": "7"}}}}
    return "BatchWriteItem", {"RequestItems": {TABLE: [good, *requests]}}


def transaction(*actions: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A good put, and these: all of it or nothing."""
    good = {"Put": {"TableName": TABLE, "Item": KEY | {"sk": {"N": "7"}}}}
    return "TransactWriteItems", {"TransactItems": [good, *actions]}


def scan(**parameters: Any) -> tuple[str, dict[str, Any]]:
    return "Scan", {"TableName": TABLE} | parameters


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "deep"}
    for _ in range(levels):
        value = {"M": {"a": value}}
    return value


def content(connection: Connection) -> list[dict[str, Any]]:
    """The items under the one partition key that the tests write to."""
    status, page = connection.call("Query", query("pk = :v", KEY["pk"], ConsistentRead=True)[1])
    assert status == 200
    items: list[dict[str, Any]] = page["Items"]
    return items


REFUSED = {
    "no sort key": (put(sk=None), f"{INVALID}Missing the key sk in the item"),
    "partition key of another type": (
        put(pk={"N": "1"}),
        f"{INVALID}Type mismatch for key pk expected: S actual: N",
    ),
    "empty key": (
        put(pk={"S": ""}),
        (
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty"
            " string value. Key: pk"
        ),
    ),
    "partition key too long": (
        put(pk={"S": "p" * 2049}),
        f"{INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes",
    ),
    "half a key": (get({"pk": KEY["pk"]}), "The provided key element does not match the schema"),
    "more than a key": (get(THING), "The provided key element does not match the schema"),
    "index key of another type": (
        put(colour={"N": "1"}),
        f"{INVALID}Type mismatch for Index Key colour Expected: S Actual: N IndexName: by-colour",
    ),
    "update to an index key of another type": (
        update("SET colour = :v", {"N": "1"}),
        f"{INVALID}Type mismatch for Index Key colour Expected: S Actual: N IndexName: by-colour",
    ),
    "not a number": (put(n={"N": "twelve"}), "The parameter cannot be converted to a numeric value: twelve"),
    "39 digits": (put(n={"N": "1" * 39}), "Attempting to store more than 38 significant digits in a Number"),
    "number out of range": (
        put(n={"N": "1e126"}),
        "Number overflow. Attempting to store a number with magnitude larger than supported range",
    ),
    "empty set": (put(s={"SS": []}), f"{INVALID}An string set  may not be empty"),
    "set with a value twice": (
        put(s={"SS": ["a", "a"]}),
        f"{INVALID}Input collection [a, a] contains duplicates.",
    ),
    "two types in one value": (
        put(s={"S": "a", "N": "1"}),
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    ),
    "no type": (
        put(s={}),
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
    ),
    "33 levels": (
        put(d=nested(33)),
        (
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported"
            " limit"
        ),
    ),
    "condition that does not parse": (
        conditional_put("a = = b"),
        'Invalid ConditionExpression: Syntax error; token: "=", near: "= = b"',
    ),
    "value not given": (
        conditional_put("a = :v"),
        (
            "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute"
            " value: :v"
        ),
    ),
    "value not used": (
        conditional_put("attribute_exists(pk)", ExpressionAttributeValues={":v": {"S": "x"}}),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
    ),
    "reserved word": (
        conditional_put("attribute_exists(name)"),
        "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: name",
    ),
    "update of a key": (
        update("SET pk = :v", {"S": "b"}),
        f"{INVALID}Cannot update attribute pk. This attribute is part of the key",
    ),
    "overlapping paths": (
        update("SET m = :v, m.n = :v", {"N": "1"}),
        (
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these"
            " paths; path one: [m], path two: [m, n]"
        ),
    ),
    "path through nothing": (
        update("SET nowhere.n = :v", {"N": "1"}),
        "The document path provided in the update expression is invalid for update",
    ),
    "sum with a string": (
        update("SET s = s + :v", {"N": "1"}),
        "An operand in the update expression has an incorrect data type",
    ),
    "sum with nothing": (
        update("SET n = nothing + :v", {"N": "1"}),
        "The provided expression refers to an attribute that does not exist in the item",
    ),
    "enumeration": (
        conditional_put("attribute_exists(pk)", ReturnValues="SOME"),
        (
            "1 validation error detected: Value 'SOME' at 'returnValues' failed to satisfy constraint: Member must satisfy"
            " enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
        ),
    ),
    "query without a partition key": (
        query("sk = :v", {"N": "1"}),
        "Query condition missed key schema element: pk",
    ),
    "query of an unknown index": (
        query("pk = :v", {"S": "a"}, IndexName="by-taste"),
        "The table does not have the specified index: by-taste",
    ),
    "batch with an item without its key": (
        batch({"PutRequest": {"Item": {"pk": KEY["pk"]}}}),
        "The provided key element does not match the schema",
    ),
    "batch with an index key of another type": (
        batch({"PutRequest": {"Item": KEY | {"colour": {"N": "1"}}}}),
        f"{INVALID}Type mismatch for Index Key colour Expected: S Actual: N IndexName: by-colour",
    ),
    "batch with an item twice, its number spelt differently": (
        batch({"DeleteRequest": {"Key": KEY | {"sk": {"N": "7.0"}}}}),
        "Provided list of item keys contains duplicates",
    ),
    "batch with an item that is too large": (
        batch({"PutRequest": {"Item": KEY | {"s": {"S": "x" * ITEM_BYTES_MAX}}}}),
        "Item size has exceeded the maximum allowed size",
    ),
    "batch with a request for nothing": (
        batch({}),
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    ),
    "batch read of a key twice": (
        ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY, KEY | {"sk": {"N": "1.0"}}]}}}),
        "Provided list of item keys contains duplicates",
    ),
    "transaction with an action that is nothing": (
        transaction({}),
        "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request",
    ),
    "transaction with an action that is two": (
        transaction({"Delete": {"TableName": TABLE, "Key": KEY}, "Put": {"TableName": TABLE, "Item": KEY}}),
        "TransactItems can only contain one of Check, Put, Update or Delete",
    ),
    "transaction with an item twice, its number spelt differently": (
        transaction({"Delete": {"TableName": TABLE, "Key": KEY | {"sk": {"N": "7.0"}}}}),
        "Transaction request cannot include multiple operations on one item",
    ),
    "transaction with a condition that does not parse": (
        transaction({"Put": {"TableName": TABLE, "Item": KEY, "ConditionExpression": "a = = b"}}),
        'Invalid ConditionExpression: Syntax error; token: "=", near: "= = b"',
    ),
    "check of nothing": (
        transaction({"ConditionCheck": {"TableName": TABLE, "Key": KEY}}),
        (
            "1 validation error detected: Value null at 'transactItems.2.member.conditionCheck.conditionExpression'"
            " failed to satisfy constraint: Member must not be null"
        ),
    ),
    "transaction of nothing": (
        ("TransactWriteItems", {"TransactItems": []}),
        (
            "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have"
            " length greater than or equal to 1"
        ),
    ),
    "transaction with a token that is too long": (
        ("TransactWriteItems", transaction()[1] | {"ClientRequestToken": "t" * 37}),
        (
            f"1 validation error detected: Value '{'t' * 37}' at 'clientRequestToken' failed to satisfy constraint:"
            " Member must have length less than or equal to 36"
        ),
    ),
    "transaction that reads an item twice": (
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": TABLE, "Key": KEY}}] * 2}),
        "Transaction request cannot include multiple operations on one item",
    ),
    "segment behind the last": (
        scan(Segment=2, TotalSegments=2),
        (
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than"
            " TotalSegments: 2"
        ),
    ),
    "scan from half a key": (
        scan(ExclusiveStartKey={"pk": KEY["pk"]}),
        "The provided starting key is invalid: The provided key element does not match the schema",
    ),
    "stream to be switched off that is not on": (
        ("UpdateTable", {"TableName": TABLE, "StreamSpecification": {"StreamEnabled": False}}),
        f"Table has no stream to disable: TableName: {TABLE}",
    ),
    "time to live to be switched off that is not on": (
        (
            "UpdateTimeToLive",
            {"TableName": TABLE, "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "until"}},
        ),
        "TimeToLive is already disabled",
    ),
    "tags of something else": (
        ("ListTagsOfResource", {"ResourceArn": "things"}),
        f"{INVALID}ARNs must start with 'arn:': things",
    ),
    "strong read of an index": (
        query("colour = :v", {"S": "red"}, IndexName="by-colour", ConsistentRead=True),
        "Consistent reads are not supported on global secondary indexes",
    ),
}

NOT_JSON = {
    "cut short": b'{"TableName": "things"',
    "nothing": b"",
    "an array": b"[]",
    "a number": b"1",
    "not UTF-8": b'{"TableName": "\xff"}',
    "half a character": b'{"TableName": "things", "Item": {"pk": {"S": "\\ud800"}}}',
    "a hole": b"[" * NESTING,
    "a hole in an item": b'{"TableName": "things", "Item": ' + b'{"M":{"a":' * NESTING,
}


@pytest.mark.parametrize(("request_", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_invalid_is_refused_in_awss_words(
    connection: Connection, request_: tuple[str, dict[str, Any]], message: str
) -> None:
    status, body = connection.call(*request_)
    assert (status, body) == (400, {"__type": "com.amazon.coral.validate#ValidationException", "message": message})
    assert content(connection) == [THING]


def test_what_an_action_of_a_transaction_asks_of_its_table_in_vain_is_its_reason(connection: Connection) -> None:
    status, body = connection.call(*transaction({"Delete": {"TableName": TABLE, "Key": {"pk": KEY["pk"]}}}))
    assert (status, body) == (
        400,
        {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": (
                "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError]"
            ),
            "CancellationReasons": [
                {"Code": "None"},
                {"Code": "ValidationError", "Message": "The provided key element does not match the schema"},
            ],
        },
    )
    assert content(connection) == [THING]


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_request_is_refused_and_the_connection_kept(connection: Connection, body: bytes) -> None:
    status, answer = connection.send("DynamoDB_20120810.PutItem", body)
    assert (status, answer) == (400, {"__type": "com.amazon.coral.service#SerializationException"})
    assert content(connection) == [THING]


@pytest.mark.parametrize("target", ["DynamoDB_20120810.FlyToTheMoon", "Elsewhere.PutItem", "PutItem"])
def test_an_unknown_target_is_an_unknown_operation(connection: Connection, target: str) -> None:
    status, answer = connection.send(target, b"{}")
    assert (status, answer) == (400, {"__type": "com.amazon.coral.service#UnknownOperationException"})
    assert content(connection) == [THING]


def test_a_body_over_16_mb_is_too_large(connection: Connection) -> None:
    status, answer = connection.send("DynamoDB_20120810.PutItem", b"{" + b" " * BODY_BYTES + b"}")
    assert status == 413
    assert answer["__type"].endswith("#RequestEntityTooLargeException")
    assert content(connection) == [THING]


@pytest.mark.parametrize("operation", ["PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "DescribeTable"])
def test_a_table_that_is_not_there_is_not_found(connection: Connection, operation: str) -> None:
    parameters: dict[str, Any] = {"TableName": "nothing-here"}
    if operation == "PutItem":
        parameters["Item"] = KEY
    elif operation == "Query":
        parameters |= query("pk = :v", KEY["pk"])[1] | parameters
    elif operation != "DescribeTable":
        parameters["Key"] = KEY
    status, answer = connection.call(operation, parameters)
    assert (status, answer["__type"]) == (400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException")
    assert answer["message"].startswith("Requested resource not found")


@pytest.mark.parametrize("requests", [1, 26])
def test_a_batch_as_deep_as_json_may_be_is_refused_and_writes_nothing(connection: Connection, requests: int) -> None:
    status, answer = connection.call(*batch(*[{"PutRequest": {"Item": KEY | {"d": nested(400)}}}] * requests))
    assert (status, answer["__type"]) == (400, "com.amazon.coral.validate#ValidationException")
    assert content(connection) == [THING]


@pytest.mark.parametrize("iterator", ["x", "arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/now|1|AAAA"])
def test_an_iterator_that_is_none_is_refused(connection: Connection, iterator: str) -> None:
    body = json.dumps({"ShardIterator": iterator}).encode()
    status, answer = connection.send("DynamoDBStreams_20120810.GetRecords", body)
    assert (status, answer["message"]) == (400, "Invalid ShardIterator")


def test_an_item_of_400_kb_is_stored_whole(connection: Connection) -> None:
    assert connection.call(*put(s=filler(0)))[0] == 200
    assert content(connection) == [KEY | {"s": filler(0)}]


def test_an_item_of_400_kb_and_a_byte_is_refused(connection: Connection) -> None:
    status, answer = connection.call(*put(s=filler(1)))
    assert (status, answer["message"]) == (400, "Item size has exceeded the maximum allowed size")
    assert content(connection) == [THING]


def test_an_update_beyond_400_kb_is_refused(connection: Connection) -> None:
    status, answer = connection.call(*update("SET more = :v", filler(0)))
    assert (status, answer["message"]) == (400, "Item size to update has exceeded the maximum allowed size")
    assert content(connection) == [THING]


def filler(extra_bytes: int) -> dict[str, str]:
    """A string that, as attribute `s` beside KEY, makes an item of 400 KB and `extra_bytes`."""
    return {"S": "x" * (ITEM_BYTES_MAX - len("pk" + "a" + "sk" + "s") - 2 + extra_bytes)}  # the number 1 counts as 2


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
@pytest.mark.parametrize("wanted", ["ALL_OLD", "NONE"])
def test_a_false_condition_shows_the_item_found_if_asked(connection: Connection, operation: str, wanted: str) -> None:
    key: dict[str, Any] = {"Item": KEY} if operation == "PutItem" else {"Key": KEY}
    status, answer = connection.call(
        operation,
        {
            "TableName": TABLE,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": wanted,
        }
        | key,
    )
    expected: dict[str, Any] = {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
    }
    assert (status, answer) == (400, expected | ({"Item": THING} if wanted == "ALL_OLD" else {}))
    assert content(connection) == [THING]
