"""Change records as Kafka messages: how topics are named, and keys, values and headers as bytes.

These bytes are public: strangers' consumers read them. Values and keys are Avro single-object encoded, so a consumer
can find the schema. One thing not to break: equal primary keys have equal key bytes, for ever. A new version of
`change_key` would change them all, so it has one version.

Sources: Avro 1.12 specification, "Single-object encoding"; CloudEvents 1.0, "Kafka protocol binding", binary mode.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from stator.codec.schemas import schemas
from stator.model.changes import ChangeMessage
from stator.model.errors import DamagedDataError
from stator.model.item import decode_image, encode_image
from stator.model.positions import Epoch, LaneState, LogId, Offset, Seq, TimestampUs, WriterId
from stator.model.tables import Stream
from stator.rules.change_records import ChangePlace, ChangeRecord

RECORD = "change_record"
KEY = "change_key"

TOPIC_PREFIX = "stator.changes."
TOPIC_LENGTH_MAX = 249
"""Kafka's limit."""

_SINGLE_OBJECT = b"\xc3\x01"
_HEAD_BYTES = len(_SINGLE_OBJECT) + 8
_MEANING_VERSION = "1"
_DEPLOYMENT = "stator"
_OPERATIONS = {"INSERT": "c", "MODIFY": "u", "REMOVE": "d"}
_EXPIRY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def topic_name(table: str, label: str) -> str:
    """The topic of a table's stream.

    Kafka takes `.` and `_` for the same in places, so `_` never appears: in the table's name `_` becomes `-u` and `-`
    becomes `--`, in the label whatever is neither letter nor digit becomes `-`. A name over Kafka's limit is cut and
    carries a hash.
    """
    suffix = "." + re.sub(r"[^A-Za-z0-9]", "-", label)
    escaped = table.replace("-", "--").replace("_", "-u")
    room = TOPIC_LENGTH_MAX - len(TOPIC_PREFIX) - len(suffix)
    if len(escaped) > room:
        digest = "-h" + blake2b(table.encode(), digest_size=16).hexdigest()
        escaped = escaped[: room - len(digest)] + digest
    return TOPIC_PREFIX + escaped + suffix


def encode_change(record: ChangeRecord, partition: int) -> ChangeMessage:
    """The message for a record; `partition` is the position of the record's log in `Table.partitions`."""
    keys = encode_image(record.keys).decode()
    timestamp_ms = record.timestamp_us // 1000
    place = record.place
    value = _single_object(
        RECORD,
        {
            "before": None if record.before is None else record.before.decode(),
            "after": None if record.after is None else record.after.decode(),
            "op": _OPERATIONS[record.event_name],
            "ts_ms": timestamp_ms,
            "ts_us": record.timestamp_us,
            "source": {
                "version": _MEANING_VERSION,
                "connector": "stator",
                "name": _DEPLOYMENT,
                "ts_ms": timestamp_ms,
                "snapshot": "false",
                "db": _DEPLOYMENT,
                "table": record.table,
                "partition": place.log_id,
                "offset": place.offset,
                "index": place.index,
                "epoch": place.epoch,
            },
            "eventID": place.event_id,
            "eventName": record.event_name,
            "keys": keys,
            "sequenceNumber": place.sequence_number,
            "sizeBytes": record.size_bytes,
            "streamViewType": record.view_type,
            "userIdentity": _EXPIRY if record.expired else None,
        },
    )
    return ChangeMessage(
        topic=topic_name(record.table, record.label),
        partition=partition,
        key=_single_object(KEY, {"key": keys}),
        value=value,
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_id", place.event_id.encode()),
            ("ce_source", f"/stator/{record.table}/{record.label}".encode()),
            ("ce_type", f"stator.change.{record.event_name.lower()}".encode()),
            ("ce_time", _instant(record.timestamp_us).encode()),
            ("content-type", b"application/avro"),
        ),
    )


def decode_change(value: bytes) -> dict[str, Any]:
    """The value of a message, as the fields of `schemas/change_record`. Raises DamagedDataError."""
    if len(value) < _HEAD_BYTES or not value.startswith(_SINGLE_OBJECT):
        raise DamagedDataError("not a change record")
    fingerprint = int.from_bytes(value[len(_SINGLE_OBJECT) : _HEAD_BYTES], "little")
    return schemas().decode(RECORD, fingerprint, value[_HEAD_BYTES:])


def decode_record(value: bytes, label: str) -> ChangeRecord:
    """The record of which a message with this value was made, in the stream of that label. Raises DamagedDataError."""
    datum = decode_change(value)
    source = datum["source"]
    return ChangeRecord(
        place=ChangePlace(
            LogId(source["partition"]), Epoch(source["epoch"]), Offset(source["offset"]), source["index"]
        ),
        table=source["table"],
        label=label,
        view_type=datum["streamViewType"],
        event_name=datum["eventName"],
        keys=decode_image(datum["keys"].encode()),
        before=None if datum["before"] is None else datum["before"].encode(),
        after=None if datum["after"] is None else datum["after"].encode(),
        timestamp_us=TimestampUs(datum["ts_us"]),
        size_bytes=datum["sizeBytes"],
        expired=datum["userIdentity"] is not None,
    )


def _single_object(name: str, datum: dict[str, Any]) -> bytes:
    fingerprint = schemas().written(name).fingerprint.to_bytes(8, "little")
    return _SINGLE_OBJECT + fingerprint + schemas().encode(name, datum)


def _instant(timestamp_us: int) -> str:
    return (_EPOCH_START + timedelta(microseconds=timestamp_us)).isoformat(timespec="microseconds")


# --- where a publisher goes on ---------------------------------------------------------------------------------


class _State(msgspec.Struct, frozen=True, omit_defaults=True):
    epoch: int
    writer: int
    seq: int
    chain: int
    stream: Stream | None = None
    ended: str = ""


_state_decoder = msgspec.json.Decoder(_State)


def encode_state(lane: LaneState, stream: Stream | None, ended: str = "") -> str:
    """What R1 needs to go on in the middle of a log, the stream in force there, and the label of the last that has ended
    before: some 250 bytes of JSON.
    """
    return msgspec.json.encode(_State(lane.epoch, lane.writer, lane.seq, lane.chain, stream, ended)).decode()


def decode_state(state: str) -> tuple[LaneState, Stream | None, str]:
    """The three parts again. Raises DamagedDataError."""
    try:
        known = _state_decoder.decode(state)
    except msgspec.DecodeError as error:
        raise DamagedDataError(f"a publisher's state does not decode: {error}") from error
    lane = LaneState(Epoch(known.epoch), WriterId(known.writer), Seq(known.seq), known.chain)
    return lane, known.stream, known.ended
