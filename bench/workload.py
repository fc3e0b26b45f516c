"""What is asked: items of an order's size (some 0.7 KB, 14 attributes) under random keys, as complete HTTP requests."""

import json
import random
from collections.abc import Iterator
from itertools import cycle
from typing import Any

TABLE = "bench"
KEYS = 2_000
ORDERS = 10
"""Of each customer."""
BATCH = 25
PREPARED = 2_000
"""Requests made beforehand and sent round and round: making them costs more than sending them."""

# Any client signs, and a server without accounts does not check: the shape of a signature is enough.
SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/dynamodb/aws4_request,"
    " SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + 64 * "0"
)


def create_table() -> bytes:
    return request(
        "CreateTable",
        {
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )


def all_puts() -> list[bytes]:
    """One put for each key, so that every get finds something."""
    dice = random.Random(1)
    return [request("PutItem", {"Item": item(dice, number)}) for number in range(KEYS)]


def puts() -> Iterator[bytes]:
    dice = random.Random(2)
    return cycle([request("PutItem", {"Item": item(dice, dice.randrange(KEYS))}) for _ in range(PREPARED)])


def gets() -> Iterator[bytes]:
    """Strong reads: an acknowledged write is always seen."""
    dice = random.Random(3)
    return cycle(
        [request("GetItem", {"Key": key(dice.randrange(KEYS)), "ConsistentRead": True}) for _ in range(PREPARED)]
    )


def queries() -> Iterator[bytes]:
    """The ten orders of a customer, strongly: some 7 KB."""
    dice = random.Random(4)
    return cycle([request("Query", _orders_of(dice.randrange(KEYS // ORDERS))) for _ in range(PREPARED)])


def updates() -> Iterator[bytes]:
    """Two attributes of an order, one of them counted up."""
    dice = random.Random(5)
    change = {
        "UpdateExpression": "SET #status = :status, version = version + :one",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":status": {"S": "paid"}, ":one": {"N": "1"}},
    }
    return cycle([request("UpdateItem", {"Key": key(dice.randrange(KEYS)), **change}) for _ in range(PREPARED)])


def mixed() -> Iterator[bytes]:
    """A put and a strong get in turns, of different orders."""
    return (one for pair in zip(puts(), gets(), strict=True) for one in pair)


def batch_writes() -> Iterator[bytes]:
    """25 puts of different orders, some 18 KB."""
    dice = random.Random(6)
    return cycle([_batch(dice) for _ in range(PREPARED // BATCH)])


def _orders_of(customer: int) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "pk = :customer",
        "ExpressionAttributeValues": {":customer": key(customer * ORDERS)["pk"]},
        "ConsistentRead": True,
    }


def _batch(dice: random.Random) -> bytes:
    items = [item(dice, number) for number in dice.sample(range(KEYS), BATCH)]
    return encoded("BatchWriteItem", {"RequestItems": {TABLE: [{"PutRequest": {"Item": one}} for one in items]}})


def key(number: int) -> dict[str, Any]:
    return {"pk": {"S": f"CUSTOMER#{number // ORDERS:06d}"}, "sk": {"S": f"ORDER#2026-11-21T08:00:00Z#{number:07d}"}}


def item(dice: random.Random, number: int) -> dict[str, Any]:
    return key(number) | {
        "status": {"S": dice.choice(("placed", "paid", "shipped", "delivered"))},
        "placed_at": {"S": f"2026-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}T09:26:53Z"},
        "total": {"N": f"{dice.randint(100, 99999) / 100}"},
        "currency": {"S": "EUR"},
        "lines": {"L": [line(dice) for _ in range(3)]},
        "address": {
            "M": {
                "street": {"S": f"Lindenstraße {dice.randint(1, 199)}"},
                "city": {"S": "Berlin"},
                "country": {"S": "DE"},
            }
        },
        "tags": {"SS": ["gift", "express"]},
        "paid": {"BOOL": True},
        "coupon": {"NULL": True},
        "points": {"N": str(dice.randint(0, 500))},
        "note": {"S": "x" * dice.randint(20, 120)},
        "version": {"N": "1"},
    }


def line(dice: random.Random) -> dict[str, Any]:
    return {
        "M": {
            "product": {"S": f"P-{dice.randint(0, 9999):04d}"},
            "quantity": {"N": str(dice.randint(1, 5))},
            "price": {"N": f"{dice.randint(100, 9999) / 100}"},
        }
    }


def request(operation: str, parameters: dict[str, Any]) -> bytes:
    return encoded(operation, {"TableName": TABLE, **parameters})


def encoded(operation: str, members: dict[str, Any]) -> bytes:
    body = json.dumps(members).encode()
    head = (
        "POST / HTTP/1.1\r\n"
        "Host: localhost\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: DynamoDB_20120810.{operation}\r\n"
        "X-Amz-Date: 20260101T000000Z\r\n"
        f"Authorization: {SIGNATURE}\r\n\r\n"
    )
    return head.encode() + body
