"""A record written by any released version must still be read, and be written the same: old logs are read for ever."""

from pathlib import Path

import pytest

from stator.codec.log_records import (
    ABORT,
    BASE,
    CLAIM,
    COMMIT,
    DEFINE,
    EFFECTS,
    INDEX_ROWS,
    PREPARE,
    PROGRESS,
    STAMP,
    decode_abort,
    decode_base,
    decode_claim,
    decode_commit,
    decode_define,
    decode_effects,
    decode_envelope,
    decode_index_batch,
    decode_preparation,
    decode_progress,
    decode_stamp,
    encode_abort,
    encode_base,
    encode_claim,
    encode_commit,
    encode_define,
    encode_effects,
    encode_envelope,
    encode_index_batch,
    encode_preparation,
    encode_progress,
    encode_stamp,
    fingerprint,
)
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

GOLDEN = Path(__file__).parent / "log_v1"
TIMES = [TimestampUs(1_700_000_000_000_001), TimestampUs(1_700_000_000_000_002)]

EFFECT_LIST = [
    Effect(b"\x00\xffkey", None, b'{"pk":{"S":"\xc3\xa9"}}', TIMES[0], "request-1", "ttl"),
    Effect(b"gone", b'{"pk":{"S":"old"}}', None, TIMES[1]),
]
BASE_VALUE = Base("snapshots/00000001/0000000000000009.snap", bytes(range(32)), 2**128 - 1, TIMES[0])
SOURCE = SourcePosition(Offset(41), LaneState(Epoch(3), WriterId(2**64 - 1), Seq(8), 2**64 - 2))
INDEX_BATCH = IndexBatch(
    SOURCE, last=False, rows=(IndexRow(b"row", b"{}", TIMES[0]), IndexRow(b"gone", None, TIMES[1]))
)
TXID = bytes(range(16))
PREPARATION = Preparation(
    TXID,
    (LogId(7), LogId(8)),
    "token-1",
    TIMES[0],
    (Effect(b"\x00\xffkey", None, b"{}", TIMES[0]), Effect(b"gone", b"{}", None, TIMES[0])),
    (b"checked",),
)
COMMITTED = Commit(TXID, TIMES[0], TIMES[1], (Effect(b"gone", b"{}", None, TIMES[1]),))
ABORTED = Abort(TXID, TIMES[0])

EXAMPLES: dict[Kind, tuple[str | None, bytes]] = {
    Kind.CLAIM: (CLAIM, encode_claim("leader-1")),
    Kind.EFFECT: (EFFECTS, encode_effects(EFFECT_LIST)),
    Kind.BARRIER: (None, b""),
    Kind.DEFINE: (DEFINE, encode_define(b'{"name":"orders"}')),
    Kind.BASE: (BASE, encode_base(BASE_VALUE)),
    Kind.INDEX: (INDEX_ROWS, encode_index_batch(INDEX_BATCH)),
    Kind.PROGRESS: (PROGRESS, encode_progress(SOURCE)),
    Kind.PREPARE: (PREPARE, encode_preparation(PREPARATION)),
    Kind.COMMIT: (COMMIT, encode_commit(COMMITTED)),
    Kind.ABORT: (ABORT, encode_abort(ABORTED)),
}


STAMPED = Mark(Offset(3_000), 2**128 - 1, 17, 4_711)


def example(kind: Kind) -> bytes:
    return written(kind, *EXAMPLES[kind])


def written(kind: Kind, schema: str | None, payload: bytes) -> bytes:
    return encode_envelope(
        kind,
        LogId(7),
        LaneId(3),
        Epoch(5),
        WriterId(2**64 - 1),
        Seq(12),
        0x0123456789ABCDEF,
        TIMES[1],
        0 if schema is None else fingerprint(schema),
        payload,
    )


def stored(kind: Kind) -> bytes:
    return (GOLDEN / f"{kind.name.lower()}.record").read_bytes()


def record(kind: Kind) -> Envelope:
    return decode_envelope(stored(kind))


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_stored_envelope_loads_and_is_written_the_same(kind: Kind) -> None:
    loaded = record(kind)
    assert loaded.kind is kind
    assert (loaded.log_id, loaded.lane, loaded.epoch, loaded.writer, loaded.seq) == (7, 3, 5, 2**64 - 1, 12)
    assert (loaded.prev_chain, loaded.timestamp_us) == (0x0123456789ABCDEF, TIMES[1])
    assert example(kind) == stored(kind)


def test_stored_payloads_mean_what_they_meant() -> None:
    assert decode_claim(record(Kind.CLAIM)) == "leader-1"
    assert decode_effects(record(Kind.EFFECT)) == EFFECT_LIST
    assert record(Kind.BARRIER).payload == b""
    assert decode_define(record(Kind.DEFINE)) == b'{"name":"orders"}'
    assert decode_base(record(Kind.BASE)) == BASE_VALUE
    assert decode_index_batch(record(Kind.INDEX)) == INDEX_BATCH
    assert decode_progress(record(Kind.PROGRESS)) == SOURCE
    assert decode_preparation(record(Kind.PREPARE)) == PREPARATION
    assert decode_commit(record(Kind.COMMIT)) == COMMITTED
    assert decode_abort(record(Kind.ABORT)) == ABORTED


def test_a_stored_stamp_means_what_it_meant_and_other_barriers_carry_none() -> None:
    stored_stamp = (GOLDEN / "stamp.record").read_bytes()
    assert decode_stamp(decode_envelope(stored_stamp)) == STAMPED
    assert written(Kind.BARRIER, STAMP, encode_stamp(STAMPED)) == stored_stamp
    assert decode_stamp(record(Kind.BARRIER)) is None


def test_the_numbers_of_kinds_never_change() -> None:
    assert {kind.name: kind.value for kind in Kind} == {
        "CLAIM": 1,
        "EFFECT": 2,
        "BARRIER": 3,
        "PREPARE": 4,
        "COMMIT": 5,
        "ABORT": 6,
        "RELEASE": 8,
        "DEFINE": 9,
        "BASE": 10,
        "INDEX": 11,
        "PROGRESS": 12,
    }
