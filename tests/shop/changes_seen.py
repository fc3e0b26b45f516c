"""What a plain Kafka consumer makes of the shop's change topic, to be compared with the model's history."""

import base64
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, Message

from stator.codec.change_topics import decode_change
from tests.shop.changes import Item, Key, key_of
from tests.shop.model import ImagePair

SILENCE_S = 3.0
"""How long nothing may follow the last change expected: a duplicate would come by then."""

History = dict[Key, list[ImagePair]]


def consume_history(bootstrap: str, topic: str, *, changes: int, patience_s: float) -> History:
    """Read the topic from its start until `changes` have come and nothing follows; asserts that no event came twice."""
    history: defaultdict[Key, list[ImagePair]] = defaultdict(list)
    events: set[str] = set()
    last_of_partition: dict[int, str] = {}
    with _consumer(bootstrap, topic) as consumer:
        for message in _messages(consumer, changes, patience_s):
            record = decode_change(_value(message))
            assert record["eventID"] not in events, "a change was published twice"
            events.add(record["eventID"])
            partition = message.partition()
            assert partition is not None
            assert record["sequenceNumber"] > last_of_partition.get(partition, "")
            last_of_partition[partition] = record["sequenceNumber"]
            history[key_of(json.loads(record["keys"]))].append((_image(record["before"]), _image(record["after"])))
    return dict(history)


@contextmanager
def _consumer(bootstrap: str, topic: str) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-of-{topic}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    try:
        yield consumer
    finally:
        consumer.close()


def _messages(consumer: Consumer, expected: int, patience_s: float) -> Iterator[Message]:
    seen = 0
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        for message in consumer.consume(500, timeout=0.5):
            if message.error() is None:
                seen += 1
                yield message
                deadline = time.monotonic() + (SILENCE_S if seen >= expected else patience_s)


def _value(message: Message) -> bytes:
    value = message.value()
    assert isinstance(value, bytes)
    return value


def _image(text: str | None) -> Item | None:
    """An image as boto3 would show it, sets sorted."""
    return None if text is None else {name: _as_sdk(value) for name, value in json.loads(text).items()}


def _as_sdk(value: dict[str, Any]) -> dict[str, Any]:
    if "B" in value:
        return {"B": base64.b64decode(value["B"])}
    return {"SS": sorted(value["SS"])} if "SS" in value else value
