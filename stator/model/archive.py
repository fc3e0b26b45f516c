"""What the archive holds of one log, as values: segments (the log itself) and snapshots (folds of it).

A head is the one object that says which others count; whatever a head does not list does not exist. Segments and
snapshots have a head each, because each head must have one writer.
"""

from dataclasses import dataclass, field

from stator.model.positions import LaneId, LaneState, LogId, Offset, TimestampUs


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentEntry:
    """One segment: every message from `first_offset` to `last_offset`, both included.

    Both timestamps bound everything that the segment's accepted records carry; 0 and 0 when it has none.
    """

    name: str
    first_offset: Offset
    last_offset: Offset
    timestamp_us_min: TimestampUs
    timestamp_us_max: TimestampUs
    sha256: str
    size_bytes: int

    @property
    def next_offset(self) -> Offset:
        """The first offset behind it."""
        return Offset(self.last_offset + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredObject:
    """A segment that a merged one replaced: kept for a while, because a restore may have read an older head."""

    name: str
    retired_us: TimestampUs


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsHead:
    """All segments of a log, ascending and without gaps, and the state of its lanes behind the last one."""

    log_id: LogId
    segments: tuple[SegmentEntry, ...] = ()
    lanes: dict[LaneId, LaneState] = field(default_factory=dict)
    begins_us: TimestampUs = TimestampUs(0)
    """The instant of the Base record that history begins with; 0 when it begins with nothing, or was not archived yet."""

    retired: tuple[RetiredObject, ...] = ()

    @property
    def next_offset(self) -> Offset:
        """The first offset that is not archived."""
        return self.segments[-1].next_offset if self.segments else Offset(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotEntry:
    """One snapshot: the fold of everything below `next_offset`, whose greatest timestamp is `timestamp_us`."""

    name: str
    next_offset: Offset
    timestamp_us: TimestampUs
    sha256: str
    digest: str
    """32 hex digits: the view's digest at that position."""
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsHead:
    """All snapshots of a log, ascending by position."""

    log_id: LogId
    snapshots: tuple[SnapshotEntry, ...] = ()


def segments_head_name(log_id: LogId) -> str:
    """Where the head of a log's segments is."""
    return f"wal/{log_id:08d}/head.json"


def snapshots_head_name(log_id: LogId) -> str:
    """Where the head of a log's snapshots is."""
    return f"snapshots/{log_id:08d}/head.json"


def segment_name(log_id: LogId, first: Offset, last: Offset, epoch: int) -> str:
    """A segment's object. The epoch tells apart what two histories of one log would have put there."""
    return f"wal/{log_id:08d}/{first:016d}-{last:016d}-e{epoch}.seg"


def snapshot_name(log_id: LogId, next_offset: Offset) -> str:
    """A snapshot's object; its parts are named after it."""
    return f"snapshots/{log_id:08d}/{next_offset:016d}.snap"
