from stator.model.archive import SegmentEntry, SegmentsHead, SnapshotEntry, SnapshotsHead
from stator.model.positions import LogId, Offset, TimestampUs
from stator.rules.recovery_plan import Moment, RecoveryPlan, Refusal, plan_recovery

LOG = LogId(7)
NO_SNAPSHOTS = SnapshotsHead(log_id=LOG)


def segment(first: int, last: int, low: int, high: int) -> SegmentEntry:
    return SegmentEntry(
        name=f"{first}-{last}",
        first_offset=Offset(first),
        last_offset=Offset(last),
        timestamp_us_min=TimestampUs(low),
        timestamp_us_max=TimestampUs(high),
        sha256="",
        size_bytes=1,
    )


def snapshot(next_offset: int, timestamp_us: int) -> SnapshotEntry:
    return SnapshotEntry(
        name=f"at {next_offset}",
        next_offset=Offset(next_offset),
        timestamp_us=TimestampUs(timestamp_us),
        sha256="",
        digest="",
        items=5,
    )


def moment(timestamp_us: int, until: int, closed_us: int | None = None) -> Moment:
    closed = timestamp_us if closed_us is None else closed_us
    return Moment(timestamp_us=TimestampUs(timestamp_us), until=Offset(until), closed_us=TimestampUs(closed))


SEGMENTS = SegmentsHead(
    log_id=LOG, segments=(segment(0, 9, 100, 199), segment(10, 19, 150, 299), segment(20, 29, 300, 399))
)
SNAPSHOTS = SnapshotsHead(log_id=LOG, snapshots=(snapshot(5, 140), snapshot(15, 260), snapshot(25, 350)))


def planned(wanted: Moment, *, segments: SegmentsHead = SEGMENTS, log_start: int = 0) -> RecoveryPlan:
    plan = plan_recovery(segments, SNAPSHOTS, wanted, Offset(log_start))
    assert isinstance(plan, RecoveryPlan)
    return plan


def names(plan: RecoveryPlan) -> list[str]:
    return [entry.name for entry in plan.segments]


def test_the_latest_snapshot_not_after_the_instant_is_the_start() -> None:
    plan = planned(moment(300, 40))
    assert plan.snapshot is not None
    assert (plan.snapshot.name, names(plan), plan.tail_start) == ("at 15", ["10-19", "20-29"], 30)


def test_a_snapshot_beyond_the_stretch_read_is_not_used() -> None:
    plan = planned(moment(260, 12))
    assert plan.snapshot is not None
    assert plan.snapshot.name == "at 5"


def test_segments_that_begin_after_the_instant_are_skipped_even_in_the_middle() -> None:
    segments = SegmentsHead(log_id=LOG, segments=(segment(0, 9, 1, 9), segment(10, 19, 50, 60), segment(20, 29, 5, 70)))
    plan = plan_recovery(segments, NO_SNAPSHOTS, moment(9, 30), Offset(0))
    assert isinstance(plan, RecoveryPlan)
    assert names(plan) == ["0-9", "20-29"]


def test_steps_count_items_archived_messages_and_the_tail() -> None:
    assert planned(moment(300, 40)).steps == 5 + 20 + 10


def test_without_an_archive_the_log_itself_is_replayed() -> None:
    plan = plan_recovery(SegmentsHead(log_id=LOG), NO_SNAPSHOTS, moment(50, 8), Offset(0))
    assert plan == RecoveryPlan(snapshot=None, segments=(), tail_start=Offset(0), until=Offset(8))


def test_an_instant_that_is_not_closed_is_refused() -> None:
    refusal = plan_recovery(SEGMENTS, SNAPSHOTS, moment(400, 30, closed_us=399), Offset(0))
    assert refusal == Refusal("the log is closed up to 399, before the instant wanted, 400")


def test_a_log_trimmed_beyond_its_archive_is_refused() -> None:
    refusal = plan_recovery(SEGMENTS, SNAPSHOTS, moment(400, 40), Offset(31))
    assert refusal == Refusal("the archive ends at offset 30, the log begins at 31")


def test_a_log_may_be_trimmed_to_where_its_archive_ends() -> None:
    assert planned(moment(400, 40), log_start=30).tail_start == 30


def test_an_instant_before_what_retention_left_is_refused() -> None:
    pruned = SegmentsHead(log_id=LOG, segments=SEGMENTS.segments[1:])
    refusal = plan_recovery(pruned, NO_SNAPSHOTS, moment(120, 40), Offset(30))
    assert refusal == Refusal("history is kept from offset 10 on, and no snapshot leads there from 0")


def test_an_instant_before_the_base_is_refused() -> None:
    based = SegmentsHead(log_id=LOG, segments=SEGMENTS.segments, begins_us=TimestampUs(100))
    refusal = plan_recovery(based, NO_SNAPSHOTS, moment(99, 40), Offset(0))
    assert refusal == Refusal("history begins at 100, after the instant wanted, 99")
