import pytest

from stator.codec.manifests import seal
from stator.codec.snapshot_files import (
    Snapshot,
    SnapshotPart,
    SnapshotPartBuilder,
    SnapshotRow,
    decode_snapshot,
    encode_snapshot,
    snapshot_part_rows,
)
from stator.model.errors import DamagedDataError
from stator.model.positions import (
    OWN_LANE,
    Epoch,
    LaneState,
    LogPosition,
    Offset,
    OpenPrepare,
    Seq,
    TimestampUs,
    WriterId,
)

ROWS = [
    SnapshotRow(b"", TimestampUs(2**53), b"{}"),
    SnapshotRow(b"\xff" * 40, TimestampUs(1), b'{"a":{"S":"b"}}'),
]
SNAPSHOT = Snapshot(
    position=LogPosition(
        next_offset=Offset(10),
        lanes={OWN_LANE: LaneState(Epoch(1), WriterId(2**64 - 1), Seq(3), 2**64 - 1, -1)},
        timestamp_us=TimestampUs(9),
        closed_us=TimestampUs(8),
        digest=2**128 - 1,
        items=2,
        item_bytes=12,
        definition=b'\x00{"any":"bytes"}\xff',
        prepares=(OpenPrepare(b"\x00txid", TimestampUs(9), b"record\xff"),),
    ),
    parts=(SnapshotPart(name="snapshots/1/0.part", sha256="ab" * 32, size_bytes=5, items=2),),
)


def part_of(rows: list[SnapshotRow]) -> bytes:
    builder = SnapshotPartBuilder()
    for row in rows:
        builder.add(row)
    return builder.finish()


def test_a_snapshot_comes_back_as_it_was_written() -> None:
    assert decode_snapshot("a.snap", encode_snapshot(SNAPSHOT)) == SNAPSHOT


def test_a_part_gives_back_its_items_in_order() -> None:
    assert list(snapshot_part_rows("a.part", part_of(ROWS))) == ROWS


def test_a_part_may_be_empty() -> None:
    assert list(snapshot_part_rows("a.part", part_of([]))) == []


def test_any_flipped_bit_is_found_and_the_object_named() -> None:
    part, snapshot = part_of(ROWS), encode_snapshot(SNAPSHOT)
    for at in range(max(len(part), len(snapshot))):
        for bit in range(8):
            if at < len(part):
                damaged = part[:at] + bytes([part[at] ^ 1 << bit]) + part[at + 1 :]
                with pytest.raises(DamagedDataError, match=r"a\.part"):
                    list(snapshot_part_rows("a.part", damaged))
            if at < len(snapshot):
                damaged = snapshot[:at] + bytes([snapshot[at] ^ 1 << bit]) + snapshot[at + 1 :]
                with pytest.raises(DamagedDataError, match=r"a\.snap"):
                    decode_snapshot("a.snap", damaged)


def test_any_truncation_of_a_part_is_found() -> None:
    data = part_of(ROWS)
    for length in range(len(data)):
        with pytest.raises(DamagedDataError, match=r"a\.part"):
            list(snapshot_part_rows("a.part", data[:length]))


def test_a_segment_is_not_taken_for_a_part() -> None:
    data = part_of(ROWS).replace(b"SSNP", b"SSEG", 1)
    with pytest.raises(DamagedDataError, match="checksum"):
        list(snapshot_part_rows("a.part", data))


@pytest.mark.parametrize("position", [{}, {"digest": "xyz"}, {"digest": 5}, {"digest": "00", "items": "many"}])
def test_a_sealed_listing_without_a_position_is_damage(position: dict[str, object]) -> None:
    with pytest.raises(DamagedDataError, match=r"a\.snap: position"):
        decode_snapshot("a.snap", seal({"position": position, "parts": []}))
