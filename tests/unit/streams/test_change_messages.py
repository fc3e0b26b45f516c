import re
from io import BytesIO
from pathlib import Path

import fastavro
import pytest

from stator.codec.change_topics import (
    TOPIC_LENGTH_MAX,
    decode_change,
    decode_state,
    encode_change,
    encode_state,
    topic_name,
)
from stator.model.changes import ChangeMessage
from stator.model.errors import DamagedDataError
from stator.model.item import Item
from stator.model.positions import Epoch, LaneState, LogId, Offset, Seq, WriterId
from stator.model.tables import Stream
from stator.ports.changes import STATE_BYTES_MAX
from stator.rules.change_records import TTL_ORIGIN, ChangePlace, change_record
from tests.unit.streams.writing import effect, table

SCHEMAS = Path(__file__).parents[3] / "schemas"
LABEL = "2026-11-21T08:00:00.000"
OLD: Item = {"Id": {"S": "ä"}, "Text": {"S": "before"}}
NEW: Item = {"Id": {"S": "ä"}, "Text": {"S": "after"}}


def message(old: Item | None, new: Item | None, origin: str = "") -> ChangeMessage:
    place = ChangePlace(LogId(7), Epoch(2), Offset(41), 3)
    streamed = table(7, stream=Stream("NEW_AND_OLD_IMAGES", LABEL))
    record = change_record(effect(old, new, 1_700_000_000_123_456, origin), streamed, place)
    assert record is not None
    return encode_change(record, 5)


def test_a_consumer_with_nothing_but_the_schema_file_reads_a_record() -> None:
    value = message(OLD, NEW).value
    schema = fastavro.schema.load_schema(SCHEMAS / "change_record" / "v1.avsc")
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    assert value[:2] == b"\xc3\x01"
    assert value[2:10] == bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
    record = fastavro.schemaless_reader(BytesIO(value[10:]), schema, None)
    assert record == {
        "before": '{"Id":{"S":"ä"},"Text":{"S":"before"}}',
        "after": '{"Id":{"S":"ä"},"Text":{"S":"after"}}',
        "op": "u",
        "ts_ms": 1_700_000_000_123,
        "ts_us": 1_700_000_000_123_456,
        "source": {
            "version": "1",
            "connector": "stator",
            "name": "stator",
            "ts_ms": 1_700_000_000_123,
            "snapshot": "false",
            "db": "stator",
            "table": "Music",
            "partition": 7,
            "offset": 41,
            "index": 3,
            "epoch": 2,
        },
        "eventID": "598e5f53b68c2a8072457506c9f67948",
        "eventName": "MODIFY",
        "keys": '{"Id":{"S":"ä"}}',
        "sequenceNumber": "100000000000000000410000003",
        "sizeBytes": 31,
        "streamViewType": "NEW_AND_OLD_IMAGES",
        "userIdentity": None,
    }


@pytest.mark.parametrize(("old", "new", "op"), [(None, NEW, "c"), (OLD, NEW, "u"), (OLD, None, "d")])
def test_operations_are_debeziums(old: Item | None, new: Item | None, op: str) -> None:
    assert decode_change(message(old, new).value)["op"] == op


def test_an_expiry_is_attributed_to_the_service() -> None:
    record = decode_change(message(OLD, None, TTL_ORIGIN).value)
    assert record["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def test_all_changes_of_an_item_have_the_same_key_bytes() -> None:
    keys = {message(None, OLD).key, message(OLD, NEW).key, message(NEW, None).key}
    assert keys == {bytes.fromhex("c301836159d272387cf3") + b'\x22{"Id":{"S":"\xc3\xa4"}}'}


def test_a_message_is_a_cloud_event() -> None:
    sent = message(OLD, NEW)
    assert dict(sent.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": decode_change(sent.value)["eventID"].encode(),
        "ce_source": b"/stator/Music/2026-11-21T08:00:00.000",
        "ce_type": b"stator.change.modify",
        "ce_time": b"2023-11-14T22:13:20.123456+00:00",
        "content-type": b"application/avro",
    }
    assert sent.partition == 5


@pytest.mark.parametrize("damaged", [b"", b"{}", b"\xc3\x01" + bytes(8)])
def test_bytes_that_are_no_change_record_are_refused(damaged: bytes) -> None:
    with pytest.raises(DamagedDataError):
        decode_change(damaged)


def test_a_truncated_change_record_is_refused() -> None:
    with pytest.raises(DamagedDataError):
        decode_change(message(OLD, NEW).value[:40])


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("Music", "stator.changes.Music.2026-11-21T08-00-00-000"),
        ("my_table", "stator.changes.my-utable.2026-11-21T08-00-00-000"),
        ("my-utable", "stator.changes.my--utable.2026-11-21T08-00-00-000"),
        ("my.table", "stator.changes.my.table.2026-11-21T08-00-00-000"),
    ],
)
def test_topic_names_are_readable(name: str, topic: str) -> None:
    assert topic_name(name, LABEL) == topic


def test_no_two_tables_share_a_topic_even_where_kafka_confuses_dot_and_underscore() -> None:
    parts = ["a", "_", "-", ".", "u"]
    names = [f"{x}{y}{z}{w}" for x in parts for y in parts for z in parts for w in parts]
    names += [letter * length for letter in "ab_-" for length in range(180, 256)]
    names += ["a" * 254 + last for last in "bcd"]
    topics = {topic_name(name, LABEL).replace(".", "_") for name in names}
    assert len(topics) == len(names)


def test_topic_names_are_legal() -> None:
    for name in ("a_b-c.d", "x" * 255, "_" * 255, "-" * 130):
        topic = topic_name(name, LABEL)
        assert re.fullmatch(r"[A-Za-z0-9.-]+", topic)
        assert len(topic) <= TOPIC_LENGTH_MAX


@pytest.mark.parametrize("stream", [None, Stream("KEYS_ONLY", LABEL)])
def test_a_publishers_state_survives_and_fits(stream: Stream | None) -> None:
    lane = LaneState(Epoch(2**64 - 1), WriterId(2**64 - 1), Seq(2**64 - 1), 2**64 - 1)
    state = encode_state(lane, stream, LABEL)
    assert decode_state(state) == (lane, stream, LABEL)
    assert len(state.encode()) < STATE_BYTES_MAX / 4


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(DamagedDataError):
        decode_state("")
