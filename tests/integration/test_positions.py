"""Eventual reads that are behind on purpose, and clients that carry positions and see their own writes all the same."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.notes_table import notes_table
from tests.standalone_server import StandaloneServer, dynamodb, standalone

DELAY_S = 3.0
PATIENCE_S = 20.0
HEADER = "x-stator-position"
TABLE = notes_table(partitions=2)
INDEXED: dict[str, Any] = {
    "TableName": "Notes",
    "IndexName": "by-author",
    "KeyConditionExpression": "#b = :b",
    "ExpressionAttributeNames": {"#b": "by"},
    "ExpressionAttributeValues": {":b": {"S": "ada"}},
}


class Reader:
    """A boto3 client that sends a position with each call, if it has one, and keeps what it is told."""

    def __init__(self, endpoint: str, position: str | None = None) -> None:
        self.client = dynamodb(endpoint)
        self.position = position
        self.client.meta.events.register("before-call.dynamodb", self._send)

    def _send(self, params: dict[str, Any], **_: Any) -> None:
        if self.position is not None:
            params["headers"][HEADER] = self.position

    def __enter__(self) -> Any:
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.close()


def note(name: str) -> dict[str, Any]:
    return {"id": {"S": name}, "by": {"S": "ada"}}


def told(answer: Any) -> str:
    token: str = answer["ResponseMetadata"]["HTTPHeaders"][HEADER]
    return token


def seen(client: Any) -> list[set[str]]:
    """Which notes each kind of eventual read shows."""
    keys = [{"id": {"S": name}} for name in ("first", "second")]
    got = [client.get_item(TableName="Notes", Key=key) for key in keys]
    many = client.batch_get_item(RequestItems={"Notes": {"Keys": keys}})["Responses"]["Notes"]
    query = {"KeyConditionExpression": "id = :i"}
    found = [client.query(TableName="Notes", **query, ExpressionAttributeValues={":i": key["id"]}) for key in keys]
    reads = [
        [answer["Item"] for answer in got if "Item" in answer],
        many,
        [item for page in found for item in page["Items"]],
        client.scan(TableName="Notes")["Items"],
        client.query(**INDEXED)["Items"],
        client.scan(TableName="Notes", IndexName="by-author")["Items"],
    ]
    return [{item["id"]["S"] for item in items} for items in reads]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandaloneServer]:
    with standalone(tmp_path / "data", "--materializer-delay", str(DELAY_S)) as running:
        yield running


def test_eventual_reads_are_behind_by_the_delay_and_strong_ones_are_not(server: StandaloneServer) -> None:
    with Reader(server.endpoint) as client:
        client.create_table(**TABLE)
        time.sleep(DELAY_S)
        client.put_item(TableName="Notes", Item=note("first"))
        written_at = time.monotonic()
        assert seen(client) == [set()] * 6
        assert "Item" in client.get_item(TableName="Notes", Key={"id": {"S": "first"}}, ConsistentRead=True)
        assert client.scan(TableName="Notes", ConsistentRead=True)["Count"] == 1
        took_s = time.monotonic() - written_at
        assert took_s < DELAY_S, "this machine is too slow to tell"
        while seen(client) != [{"first"}] * 6:
            assert time.monotonic() - written_at < 2 * DELAY_S + 5
            time.sleep(0.1)
        assert time.monotonic() - written_at >= DELAY_S - 0.5


def test_who_carries_a_position_sees_what_was_written_there(server: StandaloneServer) -> None:
    with Reader(server.endpoint) as client:
        client.create_table(**TABLE)
        first = told(client.put_item(TableName="Notes", Item=note("first")))
        second = told(client.put_item(TableName="Notes", Item=note("second")))
    with Reader(server.endpoint, f"{first},{second}") as client:
        keys = [{"id": {"S": name}} for name in ("first", "second")]
        assert all("Item" in client.get_item(TableName="Notes", Key=key) for key in keys)
        assert len(client.batch_get_item(RequestItems={"Notes": {"Keys": keys}})["Responses"]["Notes"]) == 2
        assert client.scan(TableName="Notes")["Count"] == 2


def test_who_carries_a_position_waits_for_an_index(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", "--materializer-delay", "1") as server:
        with Reader(server.endpoint) as client:
            client.create_table(**TABLE)
            position = told(client.put_item(TableName="Notes", Item=note("first")))
        with Reader(server.endpoint, position) as client:
            assert client.query(**INDEXED)["Count"] == 1


def test_an_index_that_is_further_behind_than_a_request_may_take_is_an_error(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", "--materializer-delay", "60") as server:
        with Reader(server.endpoint) as client:
            client.create_table(**TABLE)
            position = told(client.put_item(TableName="Notes", Item=note("first")))
        with Reader(server.endpoint, position) as client, pytest.raises(ClientError, match="ServiceUnavailable"):
            client.query(**INDEXED)


def test_a_restart_hides_nothing_that_is_old_enough(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server, Reader(server.endpoint) as client:
        client.create_table(**TABLE)
        client.put_item(TableName="Notes", Item=note("first"))
        deadline = time.monotonic() + PATIENCE_S
        while seen(client) != [{"first"}] * 6:  # the index takes a moment
            assert time.monotonic() < deadline
        time.sleep(1.0)
    with standalone(tmp_path / "data", "--materializer-delay", "1") as server, Reader(server.endpoint) as client:
        assert seen(client) == [{"first"}] * 6
    assert (tmp_path / "data" / "delayed").exists()
    with standalone(tmp_path / "data") as server, Reader(server.endpoint) as client:
        assert seen(client) == [{"first"}] * 6
    assert not (tmp_path / "data" / "delayed").exists()


def test_what_is_no_position_is_refused(server: StandaloneServer) -> None:
    with Reader(server.endpoint, "newest") as client, pytest.raises(ClientError, match="x-stator-position"):
        client.get_item(TableName="Notes", Key={"id": {"S": "first"}})
