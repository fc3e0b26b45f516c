"""Records survive the way into the log and back; anything that is not a whole, intact record is damage and never junk."""

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stator.codec.log_records import (
    EFFECTS,
    decode_define,
    decode_effects,
    decode_envelope,
    encode_effects,
    encode_envelope,
    fingerprint,
)
from stator.model.errors import DamagedDataError
from stator.model.positions import Epoch, LaneId, LogId, Seq, TimestampUs, WriterId
from stator.model.records import Effect, Kind

U64 = st.integers(0, 2**64 - 1)
EFFECT_LISTS = st.lists(
    st.builds(
        Effect,
        key=st.binary(max_size=8),
        old=st.none() | st.binary(max_size=8),
        new=st.none() | st.binary(max_size=8),
        timestamp_us=st.integers(0, 2**62).map(TimestampUs),
        request_id=st.text(max_size=4),
        origin=st.sampled_from(["", "ttl"]),
    ),
    max_size=4,
)


def envelope(kind: Kind, payload: bytes, schema: int = 0) -> bytes:
    return encode_envelope(kind, LogId(1), LaneId(0), Epoch(2), WriterId(3), Seq(4), 5, TimestampUs(6), schema, payload)


RAW = envelope(Kind.EFFECT, encode_effects([Effect(b"k", None, b"{}", TimestampUs(6))]), fingerprint(EFFECTS))


@given(U64, U64, U64, U64, U64, U64, U64, U64, st.sampled_from(Kind), st.binary(max_size=64))
def test_every_field_survives(
    log_id: int,
    lane: int,
    epoch: int,
    writer: int,
    seq: int,
    chain: int,
    timestamp: int,
    schema: int,
    kind: Kind,
    payload: bytes,
) -> None:
    raw = encode_envelope(
        kind,
        LogId(log_id),
        LaneId(lane),
        Epoch(epoch),
        WriterId(writer),
        Seq(seq),
        chain,
        TimestampUs(timestamp),
        schema,
        payload,
    )
    record = decode_envelope(raw)
    assert (record.log_id, record.lane, record.epoch, record.writer) == (log_id, lane, epoch, writer)
    assert (record.seq, record.prev_chain, record.timestamp_us, record.schema) == (seq, chain, timestamp, schema)
    assert (record.kind, record.payload, record.raw) == (kind, payload, raw)


@given(EFFECT_LISTS)
def test_effects_survive_in_order(effects: list[Effect]) -> None:
    assert (
        decode_effects(decode_envelope(envelope(Kind.EFFECT, encode_effects(effects), fingerprint(EFFECTS)))) == effects
    )


@pytest.mark.parametrize("length", range(len(RAW)))
def test_a_cut_record_is_damaged(length: int) -> None:
    with pytest.raises(DamagedDataError):
        decode_envelope(RAW[:length])


@pytest.mark.parametrize("place", range(len(RAW)))
def test_a_flipped_bit_anywhere_is_damage(place: int) -> None:
    for bit in range(8):
        flipped = bytearray(RAW)
        flipped[place] ^= 1 << bit
        with pytest.raises(DamagedDataError):
            decode_envelope(bytes(flipped))


def test_something_behind_a_record_is_damage() -> None:
    with pytest.raises(DamagedDataError):
        decode_envelope(RAW + b"\0")


def test_a_payload_of_an_unknown_schema_is_damage() -> None:
    with pytest.raises(DamagedDataError, match="does not know"):
        decode_effects(decode_envelope(envelope(Kind.EFFECT, b"", schema=12345)))


def test_a_payload_of_another_kind_is_damage() -> None:
    with pytest.raises(DamagedDataError, match="where define was due"):
        decode_define(decode_envelope(RAW))


@given(st.binary(max_size=40))
def test_a_payload_that_is_no_avro_is_damage_or_effects(payload: bytes) -> None:
    """Avro marks nothing, so some junk reads as effects; the envelope's checksum is what keeps junk out."""
    record = decode_envelope(envelope(Kind.EFFECT, payload, fingerprint(EFFECTS)))
    try:
        effects = decode_effects(record)
    except DamagedDataError:
        return
    assert all(isinstance(effect, Effect) for effect in effects)


def test_a_record_of_an_unknown_kind_ends_the_reading_and_says_why() -> None:
    head = bytearray(RAW[:-4])
    head[3] = 7  # kept for a partition's split, which this release cannot do
    with pytest.raises(DamagedDataError, match="kind 7, which this release does not know: a newer one wrote it"):
        decode_envelope(bytes(head) + crc32(head).to_bytes(4, "big"))
