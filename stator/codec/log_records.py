"""Log records as bytes: the frozen envelope v1 and the Avro payloads inside it.

    offset  size  field
         0     2  magic "SW"
         2     1  version, 1
         3     1  kind
         4     8  log id            12  8  lane            20  8  epoch         28  8  writer
        36     8  seq               44  8  previous chain  52  8  timestamp, us
        60     8  payload schema: Rabin fingerprint (CRC-64-AVRO) of its canonical form
        68     4  payload length    72  -  payload         end  4  CRC-32 of everything before it

All integers big-endian, unsigned. The envelope never changes: acceptance (R1) and chain (R2) need nothing but it, so a reader
one version behind can still tell which records count. Payloads evolve by Avro schema under `schemas/`.
"""

import struct
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any
from zlib import crc32

from stator.codec.schemas import schemas
from stator.model.errors import DamagedDataError
from stator.model.positions import Epoch, LaneId, LaneState, LogId, Mark, Offset, Seq, TimestampUs, WriterId
from stator.model.records import (
    Abort,
    Base,
    Commit,
    Effect,
    Envelope,
    IndexBatch,
    IndexRow,
    Kind,
    Preparation,
    SourcePosition,
)

_HEAD = struct.Struct(">2sBBQQQQQQQQI")
_CRC = struct.Struct(">I")
_MAGIC = b"SW"
_VERSION = 1
_KINDS = {int(kind): kind for kind in Kind}
_SMALL_BYTES = 4096
_KEPT = 256
"""So many small records stay decoded: a process has several readers of a log, which come by soon after one another."""

EFFECTS = "effects"
DEFINE = "define"
BASE = "base"
CLAIM = "claim"
INDEX_ROWS = "index_rows"
PROGRESS = "progress"
PREPARE = "prepare"
COMMIT = "commit"
ABORT = "abort"
STAMP = "stamp"


def encode_envelope(
    kind: Kind,
    log_id: LogId,
    lane: LaneId,
    epoch: Epoch,
    writer: WriterId,
    seq: Seq,
    prev_chain: int,
    timestamp_us: TimestampUs,
    schema: int,
    payload: bytes,
) -> bytes:
    """The record's bytes, as they go into the log."""
    head = _HEAD.pack(
        _MAGIC, _VERSION, kind, log_id, lane, epoch, writer, seq, prev_chain, timestamp_us, schema, len(payload)
    )
    return b"".join((head, payload, _CRC.pack(crc32(payload, crc32(head)))))


def decode_envelope(raw: bytes) -> Envelope:
    """Read and check a record.

    Raises DamagedDataError for anything that is not a whole, intact record of version 1. The caller halts the partition:
    corruption is not junk that may be skipped.
    """
    return _decode_small(raw) if len(raw) <= _SMALL_BYTES else _decode_envelope(raw)


def _decode_envelope(raw: bytes) -> Envelope:
    if len(raw) < _HEAD.size + _CRC.size:
        raise DamagedDataError(f"log record of {len(raw)} bytes is shorter than an empty one")
    magic, version, kind, log_id, lane, epoch, writer, seq, chain, timestamp, schema, size = _HEAD.unpack_from(raw)
    if magic != _MAGIC or version != _VERSION:
        raise DamagedDataError(f"log record starts with {magic!r} version {version}, not {_MAGIC!r} version {_VERSION}")
    if len(raw) != _HEAD.size + size + _CRC.size:
        raise DamagedDataError(f"log record of {len(raw)} bytes announces a payload of {size}")
    if crc32(memoryview(raw)[: -_CRC.size]) != _CRC.unpack_from(raw, len(raw) - _CRC.size)[0]:
        raise DamagedDataError("log record fails its checksum")
    known = _KINDS.get(kind)
    if known is None:
        raise DamagedDataError(f"log record of kind {kind}, which this release does not know: a newer one wrote it")
    # By place, and the numbers as they come: this is done for every record by everybody who reads it.
    payload = raw[_HEAD.size : -_CRC.size]
    return Envelope(known, log_id, lane, epoch, writer, seq, chain, timestamp, schema, payload, raw)


_decode_small = lru_cache(_KEPT)(_decode_envelope)


@cache
def fingerprint(name: str) -> int:
    """The fingerprint that records with this payload carry: of the version of the schema that is written."""
    return schemas().written(name).fingerprint


def _encode(name: str, datum: dict[str, Any]) -> bytes:
    return schemas().encode(name, datum)


def _decode(record: Envelope, name: str) -> dict[str, Any]:
    try:
        return schemas().decode(name, record.schema, record.payload)
    except DamagedDataError as error:
        raise DamagedDataError(f"{record.kind.name} record: {error.message}") from error


def encode_effects(effects: list[Effect]) -> bytes:
    """Payload of an EFFECT record."""
    rows = [
        {
            "key": effect.key,
            "old": effect.old,
            "new": effect.new,
            "timestamp_us": effect.timestamp_us,
            "request_id": effect.request_id,
            "origin": effect.origin,
        }
        for effect in effects
    ]
    return _encode(EFFECTS, {"effects": rows})


def decode_effects(record: Envelope) -> list[Effect]:
    """The effects of an EFFECT record, in the order in which they happened."""
    return [*(_small_effects(record) if len(record.raw) <= _SMALL_BYTES else _effects_of(record))]


def _effects_of(record: Envelope) -> tuple[Effect, ...]:
    return tuple(Effect(**row) for row in _decode(record, EFFECTS)["effects"])


_small_effects = lru_cache(_KEPT)(_effects_of)


def decode_changes(record: Envelope) -> list[Effect]:
    """What any record did to items, in order: the one question of everybody who follows a table's log. None for most kinds."""
    match record.kind:
        case Kind.EFFECT:
            return decode_effects(record)
        case Kind.COMMIT:
            return list(decode_commit(record).effects)
        case _:
            return []


def encode_preparation(preparation: Preparation) -> bytes:
    """Payload of a PREPARE record."""
    return _encode(
        PREPARE,
        {
            "txid": preparation.txid,
            "prepared_us": preparation.prepared_us,
            "participants": preparation.participants,
            "token": preparation.token,
            "changes": _changes(preparation.effects),
            "checked": preparation.checked,
        },
    )


def decode_preparation(record: Envelope) -> Preparation:
    """What a partition is ready to do."""
    row = _decode(record, PREPARE)
    return Preparation(
        txid=row["txid"],
        participants=tuple(row["participants"]),
        token=row["token"],
        prepared_us=TimestampUs(row["prepared_us"]),
        effects=_effects(row["changes"], row["prepared_us"]),
        checked=tuple(row["checked"]),
    )


def encode_commit(commit: Commit) -> bytes:
    """Payload of a COMMIT record."""
    return _encode(
        COMMIT,
        {
            "txid": commit.txid,
            "prepared_us": commit.prepared_us,
            "commit_us": commit.commit_us,
            "changes": _changes(commit.effects),
        },
    )


def decode_commit(record: Envelope) -> Commit:
    """What a transaction did in one partition."""
    row = _decode(record, COMMIT)
    return Commit(
        txid=row["txid"],
        prepared_us=TimestampUs(row["prepared_us"]),
        commit_us=TimestampUs(row["commit_us"]),
        effects=_effects(row["changes"], row["commit_us"]),
    )


def encode_abort(abort: Abort) -> bytes:
    """Payload of an ABORT record."""
    return _encode(ABORT, {"txid": abort.txid, "prepared_us": abort.prepared_us})


def decode_abort(record: Envelope) -> Abort:
    """Which Preparation came to nothing."""
    row = _decode(record, ABORT)
    return Abort(row["txid"], TimestampUs(row["prepared_us"]))


def _changes(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    return [{"key": effect.key, "old": effect.old, "new": effect.new} for effect in effects]


def _effects(changes: list[dict[str, Any]], timestamp_us: int) -> tuple[Effect, ...]:
    return tuple(Effect(**change, timestamp_us=TimestampUs(timestamp_us)) for change in changes)


def encode_define(definition: bytes) -> bytes:
    """Payload of a DEFINE record; `definition` from codec/table_definitions.py."""
    return _encode(DEFINE, {"definition": definition})


def decode_define(record: Envelope) -> bytes:
    """The table definition that holds from this record on."""
    definition: bytes = _decode(record, DEFINE)["definition"]
    return definition


def encode_base(base: Base) -> bytes:
    """Payload of a BASE record."""
    return _encode(
        BASE,
        {
            "snapshot_object": base.snapshot_object,
            "sha256": base.sha256,
            "digest": base.digest.to_bytes(16, "big"),
            "timestamp_us": base.timestamp_us,
        },
    )


def decode_base(record: Envelope) -> Base:
    """Where the log's first state is to be found."""
    row = _decode(record, BASE)
    return Base(
        snapshot_object=row["snapshot_object"],
        sha256=row["sha256"],
        digest=int.from_bytes(row["digest"], "big"),
        timestamp_us=TimestampUs(row["timestamp_us"]),
    )


def encode_claim(node: str) -> bytes:
    """Payload of a CLAIM record."""
    return _encode(CLAIM, {"node": node})


def decode_claim(record: Envelope) -> str:
    """The name of the node that claimed."""
    node: str = _decode(record, CLAIM)["node"]
    return node


def encode_stamp(mark: Mark) -> bytes:
    """Payload of a BARRIER record that tells what the writer's view came to."""
    return _encode(
        STAMP,
        {
            "offset": mark.offset,
            "digest": mark.digest.to_bytes(16, "big"),
            "items": mark.items,
            "item_bytes": mark.item_bytes,
        },
    )


def decode_stamp(record: Envelope) -> Mark | None:
    """The stamp of a BARRIER record; None when it carries none, or one of a version that this code has never heard of."""
    if schemas().by_fingerprint(record.schema) is None:
        return None
    row = _decode(record, STAMP)
    return Mark(Offset(row["offset"]), int.from_bytes(row["digest"], "big"), row["items"], row["item_bytes"])


def encode_index_batch(batch: IndexBatch) -> bytes:
    """Payload of an INDEX record."""
    rows = [{"key": row.key, "image": row.image, "timestamp_us": row.timestamp_us} for row in batch.rows]
    return _encode(INDEX_ROWS, {**_source_fields(batch.source), "last": batch.last, "rows": rows})


def decode_index_batch(record: Envelope) -> IndexBatch:
    """Rows to put and delete, and how far into the source that brings the lane."""
    datum = _decode(record, INDEX_ROWS)
    return IndexBatch(
        source=_source_position(datum),
        last=datum["last"],
        rows=tuple(IndexRow(**row) for row in datum["rows"]),
    )


def encode_progress(source: SourcePosition) -> bytes:
    """Payload of a PROGRESS record."""
    return _encode(PROGRESS, _source_fields(source))


def decode_progress(record: Envelope) -> SourcePosition:
    """How far into the source the lane has nothing to do."""
    return _source_position(_decode(record, PROGRESS))


def _source_fields(source: SourcePosition) -> dict[str, Any]:
    # Avro's long is signed; a writer and a chain use all 64 bits.
    return {
        "source_offset": source.offset,
        "source_epoch": source.lane.epoch,
        "source_writer": source.lane.writer.to_bytes(8, "big"),
        "source_seq": source.lane.seq,
        "source_chain": source.lane.chain.to_bytes(8, "big"),
    }


def _source_position(datum: dict[str, Any]) -> SourcePosition:
    lane = LaneState(
        epoch=Epoch(datum["source_epoch"]),
        writer=WriterId(int.from_bytes(datum["source_writer"], "big")),
        seq=Seq(datum["source_seq"]),
        chain=int.from_bytes(datum["source_chain"], "big"),
    )
    return SourcePosition(Offset(datum["source_offset"]), lane)
