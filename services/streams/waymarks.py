"""Places in logs from which a reader can go on, so that reading from a sequence number need not begin at the log's start.

Whoever reads leaves marks; they are only ever a shorter way. Kept in memory, for the logs read last.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass

from stator.model.changes import ChangeProgress
from stator.model.positions import LogId, Offset

SPACING_MESSAGES = 1000
"""Between two marks: what reading from one costs at most, some tens of milliseconds."""

LOGS_MAX = 512
"""Of how many logs marks are kept. A mark has some 300 bytes."""


@dataclass(frozen=True, slots=True)
class Waymark:
    """`progress` brings a Source there; every record before it that counts has a timestamp of at most `timestamp_us`."""

    progress: ChangeProgress
    timestamp_us: int

    @property
    def offset(self) -> Offset:
        """The message that is read next from there."""
        return self.progress.next_offset


class Waymarks:
    """The marks of all logs."""

    def __init__(self) -> None:
        self._logs: OrderedDict[LogId, list[Waymark]] = OrderedDict()

    def before(self, log_id: LogId, offset: Offset) -> Waymark | None:
        """The last mark at or before an offset."""
        marks = self._marks(log_id)
        place = bisect_right(marks, offset, key=_offset)
        return marks[place - 1] if place else None

    def older(self, log_id: LogId, timestamp_us: int) -> Waymark | None:
        """The last mark before which everything is older than an instant."""
        marks = self._marks(log_id)
        place = bisect_left(marks, timestamp_us, key=_timestamp)
        return marks[place - 1] if place else None

    def wanted(self, log_id: LogId, offset: Offset) -> bool:
        """Whether a mark there would shorten anybody's way."""
        near = self.before(log_id, offset)
        return offset - (near.offset if near else 0) >= SPACING_MESSAGES

    def leave(self, log_id: LogId, mark: Waymark) -> None:
        """Remember a mark."""
        marks = self._marks(log_id)
        place = bisect_left(marks, mark.offset, key=_offset)
        marks[place:place] = [mark]

    def _marks(self, log_id: LogId) -> list[Waymark]:
        marks = self._logs.setdefault(log_id, [])
        self._logs.move_to_end(log_id)
        if len(self._logs) > LOGS_MAX:
            self._logs.popitem(last=False)
        return marks


def _offset(mark: Waymark) -> Offset:
    return mark.offset


def _timestamp(mark: Waymark) -> int:
    return mark.timestamp_us
