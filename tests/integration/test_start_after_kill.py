"""A standalone server that was killed serves again in a time that hardly grows with its data: nothing is folded again.

Its processor time is what is compared, for that is the same whatever else the machine does. How long it took is told beside it.
"""

from contextlib import closing
from pathlib import Path

from tests.raw_connection import Connection
from tests.standalone_server import StandaloneServer, standalone

TABLE = "large"
BATCH = 25
ITEM_BYTES = 2_000
BATCHES = 1_000
SECONDS_PER_GB = 2.0
NOISE_S = 0.2
"""Two starts of the same server differ by this much."""
READS = 20

CREATE = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_a_start_after_a_kill_takes_two_seconds_a_gigabyte_at_most(tmp_path: Path, times: int) -> None:
    batches = BATCHES * times
    with standalone(tmp_path) as server:
        with closing(Connection(server.port)) as connection:
            assert connection.call("CreateTable", CREATE)[0] == 200
            write(connection, 0)
        small_s = min(processor_s_of_a_start_after_a_kill(server, batches=1) for _ in range(3))
        with closing(Connection(server.port)) as connection:
            for number in range(batches):
                write(connection, number)
        large_s = min(processor_s_of_a_start_after_a_kill(server, batches) for _ in range(3))
    stored_gb = sum(file.stat().st_blocks * 512 for file in tmp_path.rglob("*.mdb")) / 1e9
    assert stored_gb > BATCH * ITEM_BYTES * batches / 1e9
    assert large_s - small_s <= SECONDS_PER_GB * stored_gb + NOISE_S, (small_s, large_s, stored_gb)


def processor_s_of_a_start_after_a_kill(server: StandaloneServer, batches: int) -> float:
    """From the start of the process to the answers to strong reads of items from all over the table."""
    server.kill()
    server.start()
    with closing(Connection(server.port)) as connection:
        for read in range(READS):
            key = {"pk": {"S": f"{read * batches // READS}-0"}}
            status, answer = connection.call("GetItem", {"TableName": TABLE, "Key": key, "ConsistentRead": True})
            assert (status, answer.get("Item", {}).get("pk")) == (200, key["pk"])
        return server.processor_s()


def write(connection: Connection, number: int) -> None:
    filler = "x" * ITEM_BYTES
    items = [{"pk": {"S": f"{number}-{row}"}, "filler": {"S": filler}} for row in range(BATCH)]
    puts = [{"PutRequest": {"Item": item}} for item in items]
    while puts:
        status, answer = connection.call("BatchWriteItem", {"RequestItems": {TABLE: puts}})
        assert status == 200, answer
        puts = answer["UnprocessedItems"].get(TABLE, [])
