"""Amazon's own DynamoDB Local as judge: what one of the two accepts the other accepts, and both answer and store the same.

Why a request is refused is not compared: where several things are wrong, Local reports another one than AWS. But where both only
found false conditions in a transaction, they have found the same ones.
"""

import http.client
import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.servers import dynamodb_local
from tests.random_requests import CREATE, INDEXES, PARTITION, TABLE, random_request
from tests.standalone_server import free_port, standalone

REQUESTS = 1_000
INDEXED_WITHIN_S = 20.0
HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20240101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=any/20240101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
}
SETS = {"SS", "NS", "BS"}


class Judged:
    """One of the two servers. `false`: of the last request, which actions' conditions were false, if nothing else was wrong."""

    def __init__(self, port: int) -> None:
        self.false: Any = None
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, operation: str, body: dict[str, Any]) -> Any:
        """The answer in a form in which equal answers are equal, or None when it was refused."""
        headers = HEADERS | {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        self._connection.request("POST", "/", json.dumps(body), headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        assert response.status in {200, 400}, answer
        self.false = false_conditions(answer)
        return unordered(operation, comparable(answer)) if response.status == 200 else None

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Judged, Judged]]:
    with ExitStack() as stack:
        ours = stack.enter_context(standalone(tmp_path / "stator", "--partitions", "3"))
        local = stack.enter_context(dynamodb_local(tmp_path / "local", free_port()))
        judged = Judged(ours.port), Judged(local.port)
        for one in judged:
            stack.callback(one.close)
            assert one.ask("CreateTable", CREATE) is not None
        yield judged


def comparable(answer: Any) -> Any:
    """Without the order of sets, and without what Local tells unasked: it counts a deletion's capacity always."""
    if isinstance(answer, dict):
        return {
            name: sorted(part) if name in SETS and isinstance(part, list) else comparable(part)
            for name, part in answer.items()
            if name != "ConsumedCapacity"
        }
    return [comparable(part) for part in answer] if isinstance(answer, list) else answer


def false_conditions(answer: Any) -> Any:
    """What each action of a cancelled transaction found, or None if that was not all that was wrong."""
    reasons = answer.get("CancellationReasons")
    if reasons is None or not {reason["Code"] for reason in reasons} <= {"None", "ConditionalCheckFailed"}:
        return None
    return [(reason["Code"], comparable(reason.get("Item", {}))) for reason in reasons]


def unordered(operation: str, answer: Any) -> Any:
    """Without the order of items where none is promised."""
    if operation == "Scan" and "Items" in answer:
        answer["Items"].sort(key=in_order)
    if operation == "BatchGetItem":
        for items in answer["Responses"].values():
            items.sort(key=in_order)
    return answer


def in_order(item: Any) -> str:
    return json.dumps(item, sort_keys=True)


def query_of(name: str, value: dict[str, str], **more: Any) -> dict[str, Any]:
    condition = {"KeyConditionExpression": "#k = :v", "ExpressionAttributeNames": {"#k": name}}
    return {"TableName": TABLE, **condition, "ExpressionAttributeValues": {":v": value}, **more}


def indexed(one: Judged) -> dict[str, list[str]]:
    """All rows of all indexes; equal sort keys have no promised order."""
    return {
        f"{index} {value}": sorted(
            in_order(item) for item in one.ask("Query", query_of(name, value, IndexName=index))["Items"]
        )
        for index, (name, values) in INDEXES.items()
        for value in values
    }


def scanned(one: Judged) -> dict[str, list[str]]:
    """The table and its indexes, each by the union of three segments, read in pages of seven items."""
    return {index or TABLE: sorted(in_order(item) for item in in_segments(one, index)) for index in ("", *INDEXES)}


def in_segments(one: Judged, index: str) -> Iterator[Any]:
    for segment in range(3):
        request: dict[str, Any] = {"TableName": TABLE, "Segment": segment, "TotalSegments": 3, "Limit": 7}
        if index:
            request["IndexName"] = index
        while True:
            page = one.ask("Scan", request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_random_requests_are_answered_as_by_dynamodb_local(pair: tuple[Judged, Judged], times: int) -> None:
    ours, local = pair
    dice = random.Random(7)
    accepted: dict[str, int] = {}
    next_pages: list[tuple[str, dict[str, Any]]] = []
    for _ in range(REQUESTS * times):
        operation, body = next_pages.pop() if next_pages else random_request(dice)
        our_answer, local_answer = ours.ask(operation, body), local.ask(operation, body)
        if our_answer is not None and "LastEvaluatedKey" in our_answer:
            # A page may end at its limit though nothing can follow; Local tells no place to go on at the end of a range.
            last = our_answer["LastEvaluatedKey"]
            if "LastEvaluatedKey" in local_answer:
                next_pages.append((operation, {**body, "ExclusiveStartKey": last}))
            else:
                del our_answer["LastEvaluatedKey"]
        assert our_answer == local_answer, f"{operation} {json.dumps(body)}"
        if ours.false is not None and local.false is not None:
            assert ours.false == local.false, f"{operation} {json.dumps(body)}"
            accepted["false conditions"] = accepted.get("false conditions", 0) + 1
        accepted[operation] = accepted.get(operation, 0) + (our_answer is not None)
    assert min(accepted.values()) > REQUESTS // 100, accepted  # or nothing was compared
    for value in PARTITION:
        whole = query_of("p", value, ConsistentRead=True)
        assert ours.ask("Query", whole) == local.ask("Query", whole)
    wanted, deadline = indexed(local), time.monotonic() + INDEXED_WITHIN_S
    while indexed(ours) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert indexed(ours) == wanted
    assert scanned(ours) == scanned(local)
