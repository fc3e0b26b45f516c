"""How to get from the archive and the log to one log's state at an instant. Pure: lists in, a plan or a refusal out.

The state at T is *all effects with timestamp <= T*, not a prefix of the log: a transaction's commit may carry a smaller
timestamp than the records around it. Hence three rules. A snapshot serves only if its greatest timestamp is <= T. The
log is read up to where it is closed: no later record may carry a timestamp <= T. A segment is skipped only if its least
timestamp is > T.
"""

from dataclasses import dataclass

from stator.model.archive import SegmentEntry, SegmentsHead, SnapshotEntry, SnapshotsHead
from stator.model.positions import Offset, TimestampUs


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The instant wanted, itself included. Every record from offset `until` on carries more than `closed_us`."""

    timestamp_us: TimestampUs
    until: Offset
    closed_us: TimestampUs


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPlan:
    """Start from `snapshot` (None: nothing), replay `segments`, then the log from `tail_start`; stop at `until`."""

    snapshot: SnapshotEntry | None
    segments: tuple[SegmentEntry, ...]
    tail_start: Offset
    until: Offset

    @property
    def steps(self) -> int:
        """Items and messages to go through: the length of a progress bar."""
        items = 0 if self.snapshot is None else self.snapshot.items
        archived = sum(segment.next_offset - segment.first_offset for segment in self.segments)
        return items + archived + max(0, self.until - self.tail_start)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the state at that instant cannot be had."""

    reason: str


def plan_recovery(
    segments: SegmentsHead, snapshots: SnapshotsHead, moment: Moment, log_start: Offset
) -> RecoveryPlan | Refusal:
    """Plan the way to a moment, given both heads and the first offset that the log still has."""
    if moment.closed_us < moment.timestamp_us:
        return Refusal(f"the log is closed up to {moment.closed_us}, before the instant wanted, {moment.timestamp_us}")
    if moment.timestamp_us < segments.begins_us:
        return Refusal(f"history begins at {segments.begins_us}, after the instant wanted, {moment.timestamp_us}")
    snapshot = _latest_snapshot(snapshots, moment)
    start = Offset(0) if snapshot is None else snapshot.next_offset
    kept_from = segments.segments[0].first_offset if segments.segments else log_start
    if start < kept_from and start < moment.until:
        return Refusal(f"history is kept from offset {kept_from} on, and no snapshot leads there from {start}")
    tail_start = max(start, segments.next_offset)
    if tail_start < moment.until and tail_start < log_start:
        return Refusal(f"the archive ends at offset {tail_start}, the log begins at {log_start}")
    return RecoveryPlan(
        snapshot=snapshot,
        segments=tuple(
            segment
            for segment in segments.segments
            if segment.last_offset >= start
            and segment.first_offset < moment.until
            and segment.timestamp_us_min <= moment.timestamp_us
        ),
        tail_start=tail_start,
        until=moment.until,
    )


def _latest_snapshot(snapshots: SnapshotsHead, moment: Moment) -> SnapshotEntry | None:
    usable = [
        snapshot
        for snapshot in snapshots.snapshots
        if snapshot.timestamp_us <= moment.timestamp_us and snapshot.next_offset <= moment.until
    ]
    return max(usable, key=lambda snapshot: snapshot.next_offset, default=None)
