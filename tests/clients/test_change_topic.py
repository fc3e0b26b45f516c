"""Strangers' consumers of a change topic, in Python and in Java: Kafka, Avro, docs/change-topics.md, and nothing of Stator."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import boto3
import fastavro
import pytest
from confluent_kafka import Consumer

from tests.clients.programs import HERE, TOOLS, fetched, run_program
from tests.native_cluster import BreakableCluster
from tools.brokers import bootstrap_servers
from tools.supervised import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TABLE = "Books"
BOOKS = 40
PATIENCE_S = 60.0
SCHEMAS = ROOT / "schemas"

Item = dict[str, Any]
Record = dict[str, Any]
Images = tuple[Item | None, Item | None]


@dataclass
class WrittenTable:
    """Where the topic is, and what was written: each item's changes in order, by its key's canonical JSON."""

    bootstrap: str
    topic: str
    history: dict[str, list[Images]] = field(default_factory=lambda: defaultdict(list))

    def changed(self, old: Item | None, new: Item | None) -> None:
        one = old or new
        assert one is not None
        self.history[key_text(one)].append((old, new))

    @property
    def changes(self) -> int:
        return sum(map(len, self.history.values()))


def key_text(item: Item) -> str:
    return json.dumps({"Isbn": item["Isbn"]}, separators=(",", ":"))


@pytest.fixture(scope="module")
def written(shared_cluster: BreakableCluster) -> Iterator[WrittenTable]:
    """Books that are put, read on, and some of them sold."""
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=shared_cluster.endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    created = dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "Isbn", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "Isbn", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    label = re.sub(r"[^A-Za-z0-9]", "-", created["TableDescription"]["LatestStreamLabel"])
    kafka = bootstrap_servers(shared_cluster.native.ports.kafka)
    yield write_books(dynamodb, WrittenTable(kafka, f"stator.changes.{TABLE}.{label}"))
    dynamodb.delete_table(TableName=TABLE)
    dynamodb.close()


def write_books(dynamodb: Any, written: WrittenTable) -> WrittenTable:
    for number in range(BOOKS):
        key = {"Isbn": {"S": f"978-{number}"}}
        new = key | {"Title": {"S": f"Größe {number} 📖"}, "Page": {"N": "0"}}
        dynamodb.put_item(TableName=TABLE, Item=new)
        written.changed(None, new)
        for page in (1, 1, 2):  # the second write of a 1 changes nothing, so it is no change
            read_on = {":page": {"N": str(page)}}
            dynamodb.update_item(
                TableName=TABLE, Key=key, UpdateExpression="SET Page = :page", ExpressionAttributeValues=read_on
            )
            if new["Page"] != read_on[":page"]:
                old, new = new, new | {"Page": read_on[":page"]}
                written.changed(old, new)
        if number % 4 == 0:
            dynamodb.delete_item(TableName=TABLE, Key=key)
            written.changed(new, None)
    return written


def read_with_confluent_kafka(written: WrittenTable) -> list[Record]:
    """As the page shows it."""
    schemas = {
        name: fastavro.schema.load_schema(SCHEMAS / name / "v1.avsc") for name in ("change_record", "change_key")
    }
    consumer = Consumer(
        {
            "bootstrap.servers": written.bootstrap,
            "group.id": f"python-reader-of-{written.topic}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([written.topic])
    found: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < written.changes and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        assert isinstance(value, bytes)
        found.append(
            {
                "partition": message.partition(),
                "key": fastavro.schemaless_reader(BytesIO(key[10:]), schemas["change_key"], None),
                "value": fastavro.schemaless_reader(BytesIO(value[10:]), schemas["change_record"], None),
            }
        )
    consumer.close()
    return found


def read_with_java(written: WrittenTable) -> list[Record]:
    """Apache's consumer, and Avro's decoder of single objects."""
    printed = run_program(
        "java",
        *("-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"),
        *("-cp", fetched(TOOLS / "java" / "libs") / "*"),
        HERE / "java" / "ReadChanges.java",
        *(written.bootstrap, written.topic, str(written.changes), SCHEMAS),
    )
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.parametrize("read", [read_with_confluent_kafka, read_with_java])
def test_a_strangers_consumer_reads_every_change_of_every_item_in_order(
    written: WrittenTable, read: Callable[[WrittenTable], list[Record]]
) -> None:
    records = read(written)
    history: dict[str, list[Images]] = defaultdict(list)
    numbers: dict[int, list[int]] = defaultdict(list)
    for record in records:
        value = record["value"]
        history[record["key"]["key"]].append((image(value["before"]), image(value["after"])))
        numbers[record["partition"]].append(int(value["sequenceNumber"]))
        assert json.loads(value["keys"]) == json.loads(record["key"]["key"])
        assert value["source"]["table"] == TABLE
        kind = (value["op"], value["eventName"], value["before"] is None, value["after"] is None)
        assert kind in {
            ("c", "INSERT", True, False),
            ("u", "MODIFY", False, False),
            ("d", "REMOVE", False, True),
        }
    assert history == written.history
    assert all(found == sorted(set(found)) for found in numbers.values())
    assert len({record["value"]["eventID"] for record in records}) == written.changes


def image(text: str | None) -> Item | None:
    return None if text is None else json.loads(text)
