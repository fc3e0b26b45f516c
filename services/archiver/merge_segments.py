"""Makes one segment of many small ones: a log that trickles is cut every few seconds, and heads must not grow for that.

Messages go through the same checks again on their way; replaced objects stay until nobody can be reading an older head.
"""

from collections.abc import Sequence

from stator.codec.segment_files import open_segment
from stator.model.archive import RetiredObject, SegmentEntry, SegmentsHead
from stator.model.positions import LogId, TimestampUs
from stator.ports.archive import Archive
from stator.ports.clock import Clock
from stator.runtime.archived_objects import fetch_verified

from .accepted_stretch import AcceptedStretch

RETIRED_KEPT_US = 3_600_000_000
"""An hour: longer than a restore takes from reading the head to its last segment, or it has to start again."""


def run_to_merge(segments: Sequence[SegmentEntry], count_min: int, size_bytes_max: int) -> tuple[SegmentEntry, ...]:
    """The last segments that together stay within `size_bytes_max`; nothing while they are fewer than `count_min`."""
    run: list[SegmentEntry] = []
    size_bytes = 0
    for entry in reversed(segments):
        size_bytes += entry.size_bytes
        if size_bytes > size_bytes_max:
            break
        run.append(entry)
    return tuple(reversed(run)) if len(run) >= count_min else ()


async def merge_run(
    archive: Archive, clock: Clock, log_id: LogId, run: Sequence[SegmentEntry]
) -> tuple[SegmentEntry, bytes]:
    """One segment with all messages of a run, and its bytes. Raises DamagedDataError, and OSError as the archive does."""
    merged: AcceptedStretch | None = None
    for entry in run:
        footer, messages = open_segment(entry.name, await fetch_verified(archive, entry.name, entry.sha256))
        if merged is None:
            merged = AcceptedStretch(log_id, footer.first_offset, footer.lanes_before)
        for message in messages:
            merged.take(message)
        await clock.sleep(0)
    assert merged is not None, "a run has segments"
    return merged.finish()


async def drop_retired(archive: Archive, head: SegmentsHead, now_us: TimestampUs) -> tuple[RetiredObject, ...]:
    """Delete what has been retired long enough; what is left. Raises OSError as the archive does."""
    kept = []
    for retired in head.retired:
        if now_us - retired.retired_us < RETIRED_KEPT_US:
            kept.append(retired)
        else:
            await archive.delete(retired.name)
    return tuple(kept)
