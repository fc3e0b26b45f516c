"""What a consumer outside the containers' network finds on a change topic."""

import json
import time
from collections import defaultdict
from typing import Any

from confluent_kafka import Consumer

from stator.codec.change_topics import decode_change

SILENCE_S = 3.0
"""How long nothing may follow the last change expected: one published twice would come by then."""


def published(bootstrap: str, topic: str, *, expected: int, patience_s: float) -> dict[str, list[dict[str, Any]]]:
    """Partition key `pk` to the images after each of its changes, in order; waits until `expected` changes have come."""
    images = defaultdict(list)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"outside-{time.monotonic_ns()}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    try:
        seen, deadline = 0, time.monotonic() + patience_s
        while time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=0.5):
                if message.error() is None:
                    value = message.value()
                    assert isinstance(value, bytes)
                    after = json.loads(decode_change(value)["after"])
                    images[after["pk"]["S"]].append(after)
                    seen += 1
                    if seen >= expected:
                        deadline = time.monotonic() + SILENCE_S
    finally:
        consumer.close()
    return dict(images)
