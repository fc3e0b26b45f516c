"""Objects that a released version put into an archive must still load: an archive outlives every version."""

from pathlib import Path

from stator.codec.manifests import decode_segments_head, decode_snapshots_head
from stator.codec.segment_files import open_segment
from stator.codec.snapshot_files import SnapshotRow, decode_snapshot, snapshot_part_rows
from stator.model.positions import OWN_LANE, Epoch, LaneState, LogId, Offset, Seq, TimestampUs, WriterId
from stator.model.records import LogMessage

GOLDEN = Path(__file__).parents[2] / "golden" / "archive_v1"
LANE = LaneState(Epoch(3), WriterId(2**64 - 1), Seq(8), 2**64 - 1)


def stored(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def test_a_stored_segment_loads() -> None:
    footer, messages = open_segment("golden", stored("segment.seg"))
    assert list(messages) == [
        LogMessage(Offset(100), b"first record"),
        LogMessage(Offset(101), b""),
        LogMessage(Offset(102), b"third"),
    ]
    assert footer.log_id == 7
    assert footer.lanes_before == {OWN_LANE: LANE}
    assert (footer.timestamp_us_min, footer.timestamp_us_max) == (1_000, 2_002)


def test_a_stored_segments_head_loads() -> None:
    head = decode_segments_head("golden", stored("segments_head.json"))
    assert head.log_id == LogId(7)
    assert head.lanes == {OWN_LANE: LANE}
    assert head.begins_us == 900
    (entry,) = head.segments
    assert (entry.first_offset, entry.last_offset, entry.size_bytes) == (0, 102, 77)
    assert (entry.timestamp_us_min, entry.timestamp_us_max) == (1_000, 2_002)


def test_a_stored_snapshot_loads() -> None:
    snapshot = decode_snapshot("golden", stored("snapshot.snap"))
    position = snapshot.position
    assert (position.next_offset, position.timestamp_us, position.closed_us) == (10, 9, 8)
    assert (position.digest, position.items, position.item_bytes) == (2**128 - 1, 2, 12)
    assert (position.lanes, position.definition) == ({OWN_LANE: LANE}, b'{"TableName":"T"}')
    assert [part.name for part in snapshot.parts] == ["snapshots/00000007/0000000000000010/000000.part"]


def test_a_stored_part_loads() -> None:
    assert list(snapshot_part_rows("golden", stored("snapshot.part"))) == [
        SnapshotRow(b"key", TimestampUs(2**53), b'{"a":{"S":"b"}}'),
        SnapshotRow(b"\xff\x00", TimestampUs(1), b"{}"),
    ]


def test_a_stored_snapshots_head_loads() -> None:
    (entry,) = decode_snapshots_head("golden", stored("snapshots_head.json")).snapshots
    assert (entry.name, entry.next_offset) == ("snapshots/00000007/0000000000000010.snap", 10)
    assert (entry.timestamp_us, entry.digest, entry.items) == (9, "f" * 32, 2)
