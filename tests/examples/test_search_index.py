"""The search index is exactly the table, though its consumer is killed again and again."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from examples import search_index
from stator.codec.change_topics import topic_name
from tests.native_cluster import BreakableCluster
from tests.shop.client import eventually
from tests.standalone_server import dynamodb
from tools.brokers import bootstrap_servers

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PROGRAM = Path(search_index.__file__)
TABLE = "searched-notes"
WORDS = ("coffee", "trains", "monsoon", "tea", "night", "filter")
WRITES = 60  # at a time
KILLS = 4
PATIENCE_S = 90.0

Notes = dict[str, str]


@contextmanager
def table_with_stream(cluster: BreakableCluster) -> Iterator[tuple[Any, str]]:
    """A client and the table's change topic, once it is there."""
    with closing(dynamodb(cluster.endpoint, attempts=5)) as client:
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        topic = topic_name(TABLE, client.describe_table(TableName=TABLE)["Table"]["LatestStreamLabel"])
        admin = AdminClient({"bootstrap.servers": bootstrap_servers(cluster.native.ports.kafka)})
        eventually(lambda: topic in admin.list_topics(timeout=10).topics, expected=True, patience_s=PATIENCE_S)
        yield client, topic


def write_some(client: Any, dice: random.Random, notes: Notes) -> None:
    """Put and delete notes, also in `notes`."""
    for _ in range(WRITES):
        note = f"note {dice.randrange(60)}"
        if dice.random() < 0.3:
            client.delete_item(TableName=TABLE, Key={"id": {"S": note}})
            notes.pop(note, None)
        else:
            notes[note] = " ".join(dice.sample(WORDS, 3))
            client.put_item(TableName=TABLE, Item={"id": {"S": note}, "text": {"S": notes[note]}})


def indexed(path: Path) -> Notes:
    """Everything the index holds; its text begins with the note's id, which is a string too."""
    with closing(sqlite3.connect(path)) as index:
        rows = index.execute("SELECT key, text FROM items JOIN words ON number = words.rowid").fetchall()
    found = {json.loads(key)["id"]["S"]: text for key, text in rows}
    assert len(found) == len(rows)
    return {note: text.removeprefix(f"{note} ") for note, text in found.items()}


def test_the_index_is_the_table_though_its_consumer_is_killed(cluster: BreakableCluster, tmp_path: Path) -> None:
    dice, notes, path = random.Random(7), Notes(), tmp_path / "notes.db"
    with closing(search_index.open_index(str(path))):
        pass
    with table_with_stream(cluster) as (client, topic):
        brokers = bootstrap_servers(cluster.native.ports.kafka)
        follow = [sys.executable, str(PROGRAM), "follow", str(path), brokers, topic]
        for _ in range(KILLS):
            with subprocess.Popen(follow) as consumer:
                write_some(client, dice, notes)
                time.sleep(dice.uniform(0.0, 1.0))
                write_some(client, dice, notes)
                consumer.kill()
        with subprocess.Popen(follow) as consumer:
            write_some(client, dice, notes)
            try:
                eventually(lambda: indexed(path), notes, patience_s=PATIENCE_S)
            finally:
                consumer.terminate()
        assert consumer.returncode == 0
    with closing(search_index.open_index(str(path))) as index:
        found = {key["id"]["S"] for key in search_index.search(index, "coffee AND trains")}
    assert found == {note for note, text in notes.items() if {"coffee", "trains"} <= set(text.split())}
