"""TransactWriteItems and TransactGetItems as boto3 users see them, on a real server."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.standalone_server import dynamodb, standalone

TABLE = "accounts"
THREADS = 4
ROUNDS = 40
OPENING = 100
ACCOUNTS = [f"a{number}" for number in range(5)]


@pytest.fixture(scope="module", params=["1", "3"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """On tables of one partition, and of several: nothing but the time it takes may differ."""
    with standalone(tmp_path_factory.mktemp("transactions") / "data", "--partitions", request.param) as server:
        client = dynamodb(server.endpoint, connections=2 * THREADS)
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "kind", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-kind",
                    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        yield client
        client.close()


def key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}}


def put(pk: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": key(pk) | {"n": {"N": "1"}}, **more}}


def add(pk: str, amount: int, **more: Any) -> dict[str, Any]:
    values = {":n": {"N": str(amount)}, **more.pop("ExpressionAttributeValues", {})}
    update = {"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": values}
    return {"Update": {"TableName": TABLE, "Key": key(pk), **update, **more}}


def delete(pk: str, **more: Any) -> dict[str, Any]:
    return {"Delete": {"TableName": TABLE, "Key": key(pk), **more}}


def check(pk: str, condition: str, **more: Any) -> dict[str, Any]:
    return {"ConditionCheck": {"TableName": TABLE, "Key": key(pk), "ConditionExpression": condition, **more}}


def get(pk: str, **more: Any) -> dict[str, Any]:
    return {"Get": {"TableName": TABLE, "Key": key(pk), **more}}


def read(client: Any, pk: str) -> Any:
    return client.get_item(TableName=TABLE, Key=key(pk), ConsistentRead=True).get("Item")


def refused(client: Any, *actions: dict[str, Any], **more: Any) -> Any:
    """The error's body."""
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=list(actions), **more)
    return error.value.response


def test_all_actions_are_done(client: Any) -> None:
    client.put_item(TableName=TABLE, Item=key("all-old"))
    client.put_item(TableName=TABLE, Item=key("all-there"))
    client.transact_write_items(
        TransactItems=[
            put("all-new", ConditionExpression="attribute_not_exists(pk)"),
            add("all-count", 5),
            delete("all-old", ConditionExpression="attribute_exists(pk)"),
            check("all-there", "attribute_exists(pk)"),
        ]
    )
    assert read(client, "all-new") == key("all-new") | {"n": {"N": "1"}}
    assert read(client, "all-count") == key("all-count") | {"n": {"N": "5"}}
    assert read(client, "all-old") is None
    assert read(client, "all-there") == key("all-there")


def test_none_is_done_when_one_cannot_be_and_each_reason_has_its_place(client: Any) -> None:
    client.put_item(TableName=TABLE, Item=key("none-there"))
    answer = refused(
        client,
        put("none-new"),
        check("none-there", "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        delete("none-gone", ConditionExpression="attribute_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        add("none-type", 1, UpdateExpression="ADD n :n SET m = elsewhere"),
    )
    assert answer["Error"]["Code"] == "TransactionCanceledException"
    assert answer["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons"
        " [None, ConditionalCheckFailed, ConditionalCheckFailed, ValidationError]"
    )
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert answer["CancellationReasons"] == [
        {"Code": "None"},
        failed | {"Item": key("none-there")},
        failed,
        {
            "Code": "ValidationError",
            "Message": "The provided expression refers to an attribute that does not exist in the item",
        },
    ]
    assert read(client, "none-new") is None


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"Put": {"TableName": TABLE, "Item": {"n": {"N": "1"}}}}, "Missing the key pk in the item"),
        ({"Put": {"TableName": TABLE, "Item": {"pk": {"N": "1"}}}}, "Type mismatch for key pk expected: S actual: N"),
        (
            {"Delete": {"TableName": TABLE, "Key": {"other": {"S": "1"}}}},
            "The provided key element does not match the schema",
        ),
        (add("x", 1, UpdateExpression="SET pk = :n"), "This attribute is part of the key"),
        (put("x", Item=key("x") | {"kind": {"N": "1"}}), "Type mismatch for Index Key kind Expected: S Actual: N"),
    ],
)
def test_what_only_the_table_shows_is_a_reason_and_the_first_one_is_told(
    client: Any, action: dict[str, Any], message: str
) -> None:
    """As AWS does it, by ScyllaDB's tests: later faults and false conditions are not looked for."""
    wrong = {"Put": {"TableName": TABLE, "Item": {"pk": {"N": "8"}}}}
    answer = refused(client, put("first"), action, wrong, check("nobody", "attribute_exists(pk)"))
    assert answer["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["None", "ValidationError", "None", "None"]
    assert message in answer["CancellationReasons"][1]["Message"]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([], "Value '[]' at 'transactItems' failed to satisfy constraint"),
        ([put(f"m{n}") for n in range(101)], "Member must have length less than or equal to 100"),
        ([{}], "TransactWriteRequest should contain Delete or Put or Update request"),
        ([put("a") | delete("b")], "TransactItems can only contain one of Check, Put, Update or Delete"),
        ([put("a"), check("a", "attribute_exists(pk)")], "cannot include multiple operations on one item"),
        ([put("a", ConditionExpression="n = :x")], "An expression attribute value used in expression is not defined"),
        ([put("a", ConditionExpression="hello!")], "Syntax error"),
        ([put("a", Item=key("a") | {"n": {"N": "x"}})], "The parameter cannot be converted to a numeric value"),
        ([put("a", Item=key("a") | {"t": {"S": "x" * 410_000}})], "Item size has exceeded the maximum allowed size"),
        (
            [put(f"b{n}", Item=key(f"b{n}") | {"t": {"S": "x" * 390_000}}) for n in range(11)],
            "Transaction payload size cannot exceed 4MB. Payload Size: 42900",
        ),
        ([put("a", ReturnValuesOnConditionCheckFailure="dog")], "returnValuesOnConditionCheckFailure"),
    ],
    ids=range(11),
)
def test_what_the_request_shows_is_an_error_of_the_whole(client: Any, actions: list[Any], message: str) -> None:
    answer = refused(client, *actions)
    assert answer["Error"]["Code"] == "ValidationException"
    assert message in answer["Error"]["Message"]
    assert "CancellationReasons" not in answer


def test_a_table_that_is_not_there_is_told_as_anywhere(client: Any) -> None:
    assert refused(client, put("a"), put("b", TableName="nowhere"))["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.transact_get_items(TransactItems=[get("a"), get("b", TableName="nowhere")])


def test_transactions_cost_twice_as_much(client: Any) -> None:
    client.put_item(TableName=TABLE, Item=key("cost-old") | {"t": {"S": "x" * 3000}})
    actions = [
        put("cost-new", Item=key("cost-new") | {"kind": {"S": "k"}}),
        delete("cost-old"),
        check("cost-gone", "attribute_not_exists(pk)"),
    ]
    answer = client.transact_write_items(TransactItems=actions, ReturnConsumedCapacity="INDEXES")
    told = {"CapacityUnits": 10.0, "WriteCapacityUnits": 10.0}
    index = {"by-kind": {"CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}}
    assert answer["ConsumedCapacity"] == [
        {
            "TableName": TABLE,
            "CapacityUnits": 12.0,
            "WriteCapacityUnits": 12.0,
            "Table": told,
            "GlobalSecondaryIndexes": index,
        }
    ]
    looked = client.transact_get_items(TransactItems=[get("cost-new"), get("cost-old")], ReturnConsumedCapacity="TOTAL")
    assert looked["ConsumedCapacity"] == [{"TableName": TABLE, "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}]


def test_items_are_read_in_order_with_what_was_asked_of_each(client: Any) -> None:
    client.put_item(TableName=TABLE, Item=key("read-a") | {"n": {"N": "1"}, "t": {"S": "x"}})
    answer = client.transact_get_items(
        TransactItems=[
            get("read-none"),
            get("read-a", ProjectionExpression="#n", ExpressionAttributeNames={"#n": "n"}),
            get("read-none-too", ProjectionExpression="n"),
        ]
    )
    assert answer["Responses"] == [{}, {"Item": {"n": {"N": "1"}}}, {}]


def test_reads_that_cannot_be_are_refused(client: Any) -> None:
    with pytest.raises(ClientError, match="multiple operations on one item"):
        client.transact_get_items(TransactItems=[get("a"), get("a", ProjectionExpression="n")])
    with pytest.raises(ClientError, match="Member must have length less than or equal to 100"):
        client.transact_get_items(TransactItems=[get(f"a{n}") for n in range(101)])
    with pytest.raises(ClientError) as error:
        client.transact_get_items(TransactItems=[get("a"), get("b", Key={"other": {"S": "b"}})])
    assert [reason["Code"] for reason in error.value.response["CancellationReasons"]] == ["None", "ValidationError"]


def test_a_client_token_has_a_transaction_done_once(client: Any) -> None:
    request = {"TransactItems": [add("token-a", 1), add("token-b", 1)], "ReturnConsumedCapacity": "TOTAL"}
    first = client.transact_write_items(**request, ClientRequestToken="once")
    again = client.transact_write_items(**request, ClientRequestToken="once")
    assert "WriteCapacityUnits" in first["ConsumedCapacity"][0]
    assert again["ConsumedCapacity"] == [{"TableName": TABLE, "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}]
    assert read(client, "token-a")["n"] == {"N": "1"}
    client.transact_write_items(**request)
    assert read(client, "token-a")["n"] == {"N": "2"}
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.transact_write_items(TransactItems=[add("token-a", 2)], ClientRequestToken="once")
    with pytest.raises(ClientError, match=r"ValidationException.*clientRequestToken"):
        client.transact_write_items(TransactItems=[add("token-a", 2)], ClientRequestToken="x" * 37)


def test_nobody_sees_half_a_transfer(client: Any) -> None:
    """Money moves between accounts, sometimes more than there is; the sum that anybody reads never changes."""
    client.transact_write_items(TransactItems=[add(account, OPENING) for account in ACCOUNTS])
    codes: set[str] = set()

    def transfers(seed: int) -> int:
        dice, done = random.Random(seed), 0
        for _ in range(ROUNDS):
            giver, taker = dice.sample(ACCOUNTS, 2)
            amount = dice.randint(1, OPENING)
            values = {"ExpressionAttributeValues": {":least": {"N": str(amount)}}}
            actions = [add(giver, -amount, ConditionExpression="n >= :least", **values), add(taker, amount)]
            try:
                client.transact_write_items(TransactItems=actions)
                done += 1
            except client.exceptions.TransactionCanceledException as error:
                codes.update(reason["Code"] for reason in error.response["CancellationReasons"])
            assert audit() == OPENING * len(ACCOUNTS)
        return done

    def audit() -> int:
        while True:
            try:
                shown = client.transact_get_items(TransactItems=[get(account) for account in ACCOUNTS])["Responses"]
            except client.exceptions.TransactionCanceledException:
                continue  # others were at it all the time
            assert all(int(one["Item"]["n"]["N"]) >= 0 for one in shown)
            return sum(int(one["Item"]["n"]["N"]) for one in shown)

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(transfers, range(THREADS))) > ROUNDS
    assert codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}


def test_tables_change_together_and_are_read_together(client: Any) -> None:
    client.create_table(
        TableName="journal",
        KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "N"} for name in ("day", "entry")],
        BillingMode="PAY_PER_REQUEST",
        LocalSecondaryIndexes=[
            {
                "IndexName": "unsorted",
                "KeySchema": [
                    {"AttributeName": "day", "KeyType": "HASH"},
                    {"AttributeName": "entry", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    entry = {"day": {"N": "1"}, "entry": {"N": "7"}}
    written = {"Put": {"TableName": "journal", "Item": entry, "ConditionExpression": "attribute_not_exists(entry)"}}
    answer = client.transact_write_items(
        TransactItems=[add("booked", 7), written], ReturnItemCollectionMetrics="SIZE", ReturnConsumedCapacity="TOTAL"
    )
    assert [told["TableName"] for told in answer["ConsumedCapacity"]] == [TABLE, "journal"]
    metrics = [{"ItemCollectionKey": {"day": {"N": "1"}}, "SizeEstimateRangeGB": [0.0, 1.0]}]
    assert answer["ItemCollectionMetrics"] == {"journal": metrics}
    assert [reason["Code"] for reason in refused(client, add("booked", 7), written)["CancellationReasons"]] == [
        "None",
        "ConditionalCheckFailed",
    ]
    entries = {"Get": {"TableName": "journal", "Key": entry}}
    answer = client.transact_get_items(TransactItems=[get("booked"), entries])
    assert [one["Item"] for one in answer["Responses"]] == [key("booked") | {"n": {"N": "7"}}, entry]


def test_whoever_was_answered_can_go_on_with_the_same_items_at_once(client: Any) -> None:
    """A client by itself never conflicts with its own transaction, though partitions hear of its end after the client."""
    for turn in range(30):
        client.transact_write_items(TransactItems=[add(f"own-{number}", 1) for number in range(4)])
        client.update_item(
            TableName=TABLE,
            Key=key("own-0"),
            UpdateExpression="SET turns = :n",
            ExpressionAttributeValues={":n": {"N": str(turn)}},
        )
        assert [read(client, f"own-{number}")["n"] for number in range(4)] == [{"N": str(turn + 1)}] * 4


def test_transactions_are_there_after_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with standalone(directory) as server:
        client = dynamodb(server.endpoint)
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.transact_write_items(TransactItems=[put("a"), add("b", 2)])
        client.close()
    with standalone(directory) as server:
        client = dynamodb(server.endpoint)
        answer = client.transact_get_items(TransactItems=[get("a"), get("b")])
        assert [one["Item"]["n"]["N"] for one in answer["Responses"]] == ["1", "2"]
        client.close()
