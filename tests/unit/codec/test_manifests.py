import pytest

from stator.codec.manifests import (
    decode_segments_head,
    decode_snapshots_head,
    encode_segments_head,
    encode_snapshots_head,
)
from stator.model.archive import SegmentEntry, SegmentsHead, SnapshotEntry, SnapshotsHead
from stator.model.errors import DamagedDataError
from stator.model.positions import OWN_LANE, Epoch, LaneState, LogId, Offset, Seq, TimestampUs, WriterId

LANES = {OWN_LANE: LaneState(epoch=Epoch(2), writer=WriterId(2**64 - 1), seq=Seq(9), chain=2**63)}


def entry(first: int, last: int) -> SegmentEntry:
    return SegmentEntry(
        name=f"wal/00000007/{first}-{last}",
        first_offset=Offset(first),
        last_offset=Offset(last),
        timestamp_us_min=TimestampUs(1),
        timestamp_us_max=TimestampUs(2),
        sha256="ab" * 32,
        size_bytes=77,
    )


HEAD = SegmentsHead(log_id=LogId(7), segments=(entry(0, 4), entry(5, 5)), lanes=LANES)
SNAPSHOTS = SnapshotsHead(
    log_id=LogId(7),
    snapshots=(
        SnapshotEntry(
            name="snapshots/00000007/6.snap",
            next_offset=Offset(6),
            timestamp_us=TimestampUs(2),
            sha256="cd" * 32,
            digest="0" * 32,
            items=3,
        ),
    ),
)


def test_heads_come_back_as_they_were_written() -> None:
    assert decode_segments_head("head", encode_segments_head(HEAD)) == HEAD
    assert decode_snapshots_head("head", encode_snapshots_head(SNAPSHOTS)) == SNAPSHOTS


def test_the_next_offset_is_behind_the_last_segment_and_0_in_an_empty_archive() -> None:
    assert HEAD.next_offset == 6
    assert SegmentsHead(log_id=LogId(7)).next_offset == 0


def test_any_flipped_bit_of_a_head_is_found_and_the_object_named() -> None:
    data = encode_segments_head(HEAD)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(DamagedDataError, match=r"wal/head\.json"):
                decode_segments_head("wal/head.json", bytes(damaged))


def test_any_truncation_of_a_head_is_found() -> None:
    data = encode_snapshots_head(SNAPSHOTS)
    for length in range(len(data)):
        with pytest.raises(DamagedDataError, match="head"):
            decode_snapshots_head("head", data[:length])


@pytest.mark.parametrize(
    "segments",
    [(entry(0, 4), entry(6, 7)), (entry(0, 4), entry(4, 7)), (entry(5, 7), entry(0, 4))],
    ids=["dropped", "overlapping", "swapped"],
)
def test_segments_that_do_not_join_are_damage(segments: tuple[SegmentEntry, ...]) -> None:
    data = encode_segments_head(SegmentsHead(log_id=LogId(7), segments=segments))
    with pytest.raises(DamagedDataError, match="does not follow"):
        decode_segments_head("head", data)


def test_a_head_of_a_later_version_is_refused_by_its_number() -> None:
    data = encode_segments_head(HEAD).replace(b'{"version":1,', b'{"version":2,', 1)
    with pytest.raises(DamagedDataError, match="version 2, this program reads 1"):
        decode_segments_head("head", data)
