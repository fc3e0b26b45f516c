"""Change streams as the DynamoDB Streams API shows them: which there are, their shards, their records. Pure.

A stream has one shard per log of its table. A shard never splits; it is closed when its stream is switched off.
Source: AWS API reference, "Amazon DynamoDB Streams"; texts as AWS gives them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from stator.model.changes import ChangePoint, Shard
from stator.model.errors import ResourceNotFoundError, ValidationError
from stator.model.positions import Offset
from stator.model.tables import STREAM_RETENTION_US, Stream, Table
from stator.rules.change_records import ChangeRecord, sequence_number
from stator.rules.resource_arns import REGION, table_arn

TRIMMED_US = STREAM_RETENTION_US + 3600 * 1_000_000
"""Who comes to a change that is older has lost it. Later than TRIM_HORIZON, so that an iterator from there is of use."""

_FIRST = sequence_number(ChangePoint(Offset(0)))
_ARN = re.compile(r"arn:aws:dynamodb:[a-z0-9-]*:[0-9]*:table/([a-zA-Z0-9_.-]+)/stream/([0-9T:.-]+)")
_VERSION = "1.1"
_EXPIRY = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


@dataclass(frozen=True, slots=True)
class KnownStream:
    """A stream of a table, the one in force or one that has ended."""

    table: Table
    stream: Stream
    ended: bool

    @property
    def arn(self) -> str:
        """Its ARN; streams of one table sort by age."""
        return f"{table_arn(self.table.name)}/stream/{self.stream.label}"

    @property
    def shards(self) -> dict[str, Shard]:
        """Its shards by id, sorted. A log that does not know of the stream's end yet may still add to it."""
        told = self.ended and self.table.settled
        count = len(self.table.partitions)
        shards = (Shard(self.table, self.stream, number, told) for number in range(count))
        return dict(sorted((_shard_id(shard), shard) for shard in shards))


def streams_of(tables: Iterable[Table], now_us: int) -> list[KnownStream]:
    """The streams of some tables that can be read now, sorted by ARN."""
    known = []
    for table in tables:
        if table.stream is not None:
            known.append(KnownStream(table, table.stream, ended=False))
        known += [
            KnownStream(table, Stream(old.view_type, old.label), ended=True) for old in table.ended_and_readable(now_us)
        ]
    return sorted(known, key=lambda stream: stream.arn)


def table_of_stream(arn: str) -> str:
    """The name of the table that a stream's ARN names. Raises ValidationError for what is no such ARN."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ValidationError("Invalid StreamArn")
    return found[1]


def stream_named(arn: str, tables: Iterable[Table], now_us: int) -> KnownStream:
    """The stream of some tables that has the ARN. Raises ResourceNotFoundError."""
    for known in streams_of(tables, now_us):
        if known.arn == arn:
            return known
    raise ResourceNotFoundError(f"Requested resource not found: Stream: {arn} not found")


def list_entry(known: KnownStream) -> dict[str, Any]:
    """A stream in ListStreams."""
    return {"StreamArn": known.arn, "TableName": known.table.name, "StreamLabel": known.stream.label}


def describe_stream(
    known: KnownStream, shards: Sequence[tuple[str, ChangePoint | None]], *, more: bool
) -> dict[str, Any]:
    """StreamDescription with some of its shards: ids, and the points where they end, if they do."""
    table = known.table
    shown: dict[str, Any] = {
        "StreamArn": known.arn,
        "StreamLabel": known.stream.label,
        "StreamStatus": _status(known),
        "StreamViewType": known.stream.view_type,
        "CreationRequestDateTime": _switched_on_s(known.stream.label),
        "TableName": table.name,
        "KeySchema": [
            {"AttributeName": part.name, "KeyType": role}
            for part, role in zip(table.key.attributes, ("HASH", "RANGE"), strict=False)
        ],
        "Shards": [{"ShardId": shard_id, "SequenceNumberRange": _range(end)} for shard_id, end in shards],
    }
    if more:
        shown["LastEvaluatedShardId"] = shards[-1][0]
    return shown


def record_body(record: ChangeRecord) -> dict[str, Any]:
    """A record in GetRecords; images are JSON already."""
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": record.timestamp_us // 1_000_000,
        "Keys": record.keys,
        "SequenceNumber": record.place.sequence_number,
        "SizeBytes": record.size_bytes,
        "StreamViewType": record.view_type,
    }
    if record.after is not None:
        change["NewImage"] = msgspec.Raw(record.after)
    if record.before is not None:
        change["OldImage"] = msgspec.Raw(record.before)
    body: dict[str, Any] = {
        "eventID": record.place.event_id,
        "eventName": record.event_name,
        "eventVersion": _VERSION,
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": change,
    }
    if record.expired:
        body["userIdentity"] = _EXPIRY
    return body


def _shard_id(shard: Shard) -> str:
    """`shardId-`, 20 digits, `-`, 8 hexadecimal digits, as AWS has them: the log's, and the stream's."""
    label = blake2b(shard.stream.label.encode(), digest_size=4).hexdigest()
    return f"shardId-{shard.log_id:020d}-{label}"


def _status(known: KnownStream) -> str:
    if known.ended:
        return "DISABLED" if known.table.settled else "DISABLING"
    return "ENABLING" if known.table.status == "CREATING" else "ENABLED"


def _range(end: ChangePoint | None) -> dict[str, str]:
    shown = {"StartingSequenceNumber": _FIRST}
    return shown if end is None else {**shown, "EndingSequenceNumber": sequence_number(end)}


def _switched_on_s(label: str) -> float:
    return datetime.fromisoformat(label).replace(tzinfo=UTC).timestamp()
