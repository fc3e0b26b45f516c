"""kill -9 of a standalone server under load, again and again: what was acknowledged is there, what was not asked for is not.

Each writer numbers its items 1, 2, 3 … under its own partition key, one request at a time. So at any moment the truth is
one of two: everything acknowledged, or that and the one write whose answer the kill swallowed. In the end the views, killed as
often, are what a fresh fold of the log gives.
"""

import http.client
import random
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.offline_views import views_that_are_no_fold
from tests.raw_connection import Connection
from tests.standalone_server import StandaloneServer, standalone

TABLE = "numbered"
KILLS = 40
WRITERS = 6
LOAD_S = (0.05, 0.6)
START_CPU_S = 1.0
"""Of processor time, from the start of the process to its first answer about an item, also after kill -9."""
INDEX_PATIENCE_S = 15.0

CREATE = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "last_digit", "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-last-digit",
            "KeySchema": [{"AttributeName": "last_digit", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}


@dataclass(slots=True)
class Writer:
    """One client; `sent` is `acknowledged` or one more."""

    name: str
    acknowledged: int = 0
    sent: int = 0

    def write_until_cut_off(self, port: int) -> None:
        """Until the kill: the outcome of `sent` is unknown then."""
        with closing(Connection(port)) as connection, suppress(OSError, http.client.HTTPException):
            while True:
                self.sent = self.acknowledged + 1
                status, answer = connection.call("PutItem", {"TableName": TABLE, "Item": self._item(self.sent)})
                assert status == 200, answer
                self.acknowledged = self.sent

    def check(self, connection: Connection) -> None:
        """Compare with what is stored, and go on from there."""
        numbers = [int(item["sk"]["N"]) for item in query(connection, "pk", self.name, ConsistentRead=True)]
        assert numbers in ([*range(1, self.acknowledged + 1)], [*range(1, self.sent + 1)])
        self.acknowledged = self.sent = len(numbers)

    def _item(self, number: int) -> dict[str, Any]:
        return {
            "pk": {"S": self.name},
            "sk": {"N": str(number)},
            "last_digit": {"S": str(number)[-1]},
            "filler": {"S": "x" * (number % 700)},
        }


def query(connection: Connection, name: str, value: str, **parameters: Any) -> list[dict[str, Any]]:
    asked = {
        "TableName": TABLE,
        "KeyConditionExpression": f"{name} = :value",
        "ExpressionAttributeValues": {":value": {"S": value}},
    } | parameters
    items: list[dict[str, Any]] = []
    while True:
        status, page = connection.call("Query", asked)
        assert status == 200, page
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_kills_under_load_lose_nothing_and_invent_nothing(tmp_path: Path, times: int) -> None:
    dice = random.Random(20)
    writers = [Writer(f"writer-{number}") for number in range(WRITERS)]
    with standalone(tmp_path) as server:
        with closing(Connection(server.port)) as connection:
            assert connection.call("CreateTable", CREATE)[0] == 200
        started_s = [kill_start_and_check(server, writers, load_s=dice.uniform(*LOAD_S)) for _ in range(KILLS * times)]
        assert min(started_s) < START_CPU_S, sorted(started_s)
        assert min(writer.acknowledged for writer in writers) > KILLS
        with closing(Connection(server.port)) as connection:
            assert_index_shows(
                connection, {(writer.name, n + 1) for writer in writers for n in range(writer.acknowledged)}
            )
        kill_under_load(server, writers, load_s=LOAD_S[1])
    assert list(views_that_are_no_fold(tmp_path)) == []


def kill_start_and_check(server: StandaloneServer, writers: list[Writer], *, load_s: float) -> float:
    """The processor time from the start after the kill to the first answer about an item."""
    kill_under_load(server, writers, load_s=load_s)
    server.start()
    with closing(Connection(server.port)) as connection:
        writers[0].check(connection)
        started_s = server.processor_s()
        for writer in writers[1:]:
            writer.check(connection)
    return started_s


def kill_under_load(server: StandaloneServer, writers: list[Writer], *, load_s: float) -> None:
    threads = [threading.Thread(target=writer.write_until_cut_off, args=(server.port,)) for writer in writers]
    for thread in threads:
        thread.start()
    time.sleep(load_s)
    server.kill()
    for thread in threads:
        thread.join()


def assert_index_shows(connection: Connection, expected: set[tuple[str, int]]) -> None:
    """Every item once, before long: the index is a fold of the same log."""
    deadline = time.monotonic() + INDEX_PATIENCE_S
    while True:
        rows = [
            (row["pk"]["S"], int(row["sk"]["N"]))
            for digit in "0123456789"
            for row in query(connection, "last_digit", digit, IndexName="by-last-digit")
        ]
        if sorted(rows) == sorted(expected):
            return
        assert time.monotonic() < deadline, sorted(expected.symmetric_difference(rows))
        time.sleep(0.1)
