"""Full-text search that is always exactly what the table holds: a Kafka consumer that keeps an SQLite index.

Every change of a table is in its change topic exactly once, and all changes of an item are in order. What is left to do is not
to lose that: the words of a change and the place in the topic go into one SQLite transaction. Kill this program whenever you
like; started again it goes on behind the last change that the index holds. Nothing of Stator is imported.

    python examples/search_index.py follow  notes.db localhost:9092 stator.changes.Notes.<stream label>
    python examples/search_index.py search  notes.db "coffee AND trains"
"""

import json
import signal
import sqlite3
import sys
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

SCHEMA = fastavro.schema.load_schema(str(Path(__file__).parents[1] / "schemas" / "change_record" / "v1.avsc"))
SINGLE_OBJECT_HEADER_BYTES = 10  # a mark, and the fingerprint of the schema


def open_index(path: str) -> sqlite3.Connection:
    """The index: which item has which row, the words of each row, and how far each partition of the topic is in it."""
    index = sqlite3.connect(path)
    index.executescript(
        """
        CREATE TABLE IF NOT EXISTS items (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
        CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text);
        CREATE TABLE IF NOT EXISTS places (part INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
        """
    )
    return index


def apply(index: sqlite3.Connection, change: dict[str, Any]) -> None:
    """Make the index say of one item what the change says. Doing it twice is the same as once."""
    if change["streamViewType"] not in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}:
        raise ValueError("the stream must show new images")
    key = change["keys"]
    index.execute("DELETE FROM words WHERE rowid IN (SELECT number FROM items WHERE key = ?)", [key])
    if change["op"] == "d":
        index.execute("DELETE FROM items WHERE key = ?", [key])
        return
    index.execute("INSERT INTO items (key) VALUES (?) ON CONFLICT DO NOTHING", [key])
    index.execute(
        "INSERT INTO words (rowid, text) SELECT number, ? FROM items WHERE key = ?",
        [" ".join(strings(json.loads(change["after"]))), key],
    )


def strings(item: dict[str, Any]) -> list[str]:
    """The top-level strings of an item in DynamoDB's JSON."""
    return [value["S"] for value in item.values() if "S" in value]


def follow(index: sqlite3.Connection, brokers: str, topic: str) -> None:
    """Keep the index exact until SIGTERM or Ctrl-C."""
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: ended.append(signum))
    settings = {
        "bootstrap.servers": brokers,
        "group.id": "unused",  # our place is in the index, not in Kafka
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",  # a gap would make the index wrong: rather stop and say so
    }
    consumer = Consumer(settings)
    try:
        described = consumer.list_topics(topic, timeout=30).topics[topic]
        if described.error is not None:
            raise KafkaException(described.error)
        places = dict(index.execute("SELECT part, next_offset FROM places"))
        consumer.assign(
            [TopicPartition(topic, part, places.get(part, OFFSET_BEGINNING)) for part in described.partitions]
        )
        while not ended:
            take(index, consumer)
    finally:
        consumer.close()


def take(index: sqlite3.Connection, consumer: Consumer) -> None:
    """Take what has arrived: words and places in one transaction."""
    messages = consumer.consume(500, timeout=0.2)
    with index:
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            apply(
                index, fastavro.schemaless_reader(BytesIO(message.value()[SINGLE_OBJECT_HEADER_BYTES:]), SCHEMA, None)
            )
            index.execute("REPLACE INTO places VALUES (?, ?)", [message.partition(), message.offset() + 1])


def search(index: sqlite3.Connection, query: str) -> list[dict[str, Any]]:
    """Primary keys of the items that match, the best first."""
    found = index.execute(
        "SELECT key FROM words JOIN items ON number = words.rowid WHERE words MATCH ? ORDER BY rank", [query]
    )
    return [json.loads(key) for (key,) in found]


def main() -> None:
    """See the head of this file."""
    match sys.argv[1:]:
        case ["follow", path, brokers, topic]:
            with closing(open_index(path)) as index:
                follow(index, brokers, topic)
        case ["search", path, query]:
            with closing(open_index(path)) as index:
                for key in search(index, query):
                    print(json.dumps(key))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
