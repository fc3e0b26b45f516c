"""What is asked: items of an order's size (some 0.7 KB, 14 attributes) under random keys, as complete HTTP requests."""

import json
import random
from collections.abc import Iterator
from itertools import cycle
from typing import Any

TABLE = "bench"
KEYS = 2_000
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


def key(number: int) -> dict[str, Any]:
    return {"pk": {"S": f"CUSTOMER#{number // 10:06d}"}, "sk": {"S": f"ORDER#2026-11-21T08:00:00Z#{number:07d}"}}


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
    body = json.dumps({"TableName": TABLE, **parameters}).encode()
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
