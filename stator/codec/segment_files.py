"""A segment: a stretch of one log as an archived file, with every message, ignored ones too: the archive is the log.

    frames (codec/framed_files.py) of:  message length u32 · message
    footer:  log id, first and last offset, the lanes before and after, bounds of the timestamps

Offsets have no gaps, so the first one says them all. The lanes in the footer let a reader start in the middle of a
log's history and still check the chain (R2).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stator.codec.framed_files import FramedFileBuilder, open_framed_file
from stator.model.errors import DamagedDataError
from stator.model.positions import LaneId, LaneState, LogId, Offset, TimestampUs
from stator.model.records import LogMessage

_MAGIC = b"SSEG"
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFooter:
    """What a segment says of itself. The timestamps bound all that its accepted records carry; 0 and 0 for none."""

    log_id: LogId
    first_offset: Offset
    last_offset: Offset
    lanes_before: dict[LaneId, LaneState]
    lanes_after: dict[LaneId, LaneState]
    timestamp_us_min: TimestampUs
    timestamp_us_max: TimestampUs


class SegmentBuilder:
    """Collects the messages of one segment, in offset order."""

    def __init__(self, log_id: LogId, first_offset: Offset, lanes_before: Mapping[LaneId, LaneState]) -> None:
        self.log_id = log_id
        self.first_offset = first_offset
        self.next_offset = first_offset
        self._lanes_before = dict(lanes_before)
        self._file = FramedFileBuilder(_MAGIC)
        self._timestamp_us_min: TimestampUs | None = None
        self._timestamp_us_max = TimestampUs(0)

    @property
    def size_bytes(self) -> int:
        """About how long the file is now."""
        return self._file.size_bytes

    def add(self, message: LogMessage) -> None:
        """Append the log's next message."""
        assert message.offset == self.next_offset, (message.offset, self.next_offset)
        self._file.add(_LENGTH.pack(len(message.data)) + message.data)
        self.next_offset = Offset(message.offset + 1)

    def cover(self, low: TimestampUs, high: TimestampUs) -> None:
        """Say that an accepted record carries timestamps from `low` to `high`, both included."""
        self._timestamp_us_min = low if self._timestamp_us_min is None else min(self._timestamp_us_min, low)
        self._timestamp_us_max = max(self._timestamp_us_max, high)

    def finish(self, lanes_after: Mapping[LaneId, LaneState]) -> tuple[SegmentFooter, bytes]:
        """The footer and the whole file. At least one message must have been added."""
        assert self.next_offset > self.first_offset, "an empty segment has no last offset"
        footer = SegmentFooter(
            log_id=self.log_id,
            first_offset=self.first_offset,
            last_offset=Offset(self.next_offset - 1),
            lanes_before=self._lanes_before,
            lanes_after=dict(lanes_after),
            timestamp_us_min=self._timestamp_us_min or TimestampUs(0),
            timestamp_us_max=self._timestamp_us_max,
        )
        return footer, self._file.finish(footer)


def open_segment(name: str, data: bytes) -> tuple[SegmentFooter, Iterator[LogMessage]]:
    """The footer of a segment and its messages, decompressed as they are asked for.

    Raises DamagedDataError, which says `name`, at once or while the messages are read.
    """
    footer, frames = open_framed_file(name, _MAGIC, data, SegmentFooter)
    return footer, _messages(name, footer, frames)


def _messages(name: str, footer: SegmentFooter, frames: Iterator[bytes]) -> Iterator[LogMessage]:
    offset = footer.first_offset
    for frame in frames:
        at = 0
        while at < len(frame):
            if at + _LENGTH.size > len(frame):
                raise DamagedDataError(f"{name}: message {offset} has no length")
            (size,) = _LENGTH.unpack_from(frame, at)
            at += _LENGTH.size + size
            if at > len(frame):
                raise DamagedDataError(f"{name}: message {offset} is cut off")
            yield LogMessage(offset, frame[at - size : at])
            offset = Offset(offset + 1)
    if offset != footer.last_offset + 1:
        raise DamagedDataError(f"{name}: messages end at {offset}, the footer says {footer.last_offset}")
