"""The part of a log that goes into the next segment, checked record by record as every reader checks it.

The archiver runs R1 and R2 so that a log that was rewritten is noticed before the rewriting is archived over the truth.
"""

from collections.abc import Mapping
from hashlib import sha256

from stator.codec.log_records import decode_base, decode_envelope
from stator.codec.record_times import record_times
from stator.codec.segment_files import SegmentBuilder
from stator.model.archive import SegmentEntry, segment_name
from stator.model.errors import DamagedDataError
from stator.model.positions import OWN_LANE, Epoch, LaneId, LaneState, LogId, Offset, TimestampUs
from stator.model.records import Kind, LogMessage
from stator.rules.acceptance import accept


class AcceptedStretch:
    """A segment while it is open. Built anew behind each segment shipped."""

    def __init__(self, log_id: LogId, first_offset: Offset, lanes: Mapping[LaneId, LaneState]) -> None:
        self.lanes = dict(lanes)
        self.begins_us = TimestampUs(0)
        """The instant of a Base record among the messages; 0 for none."""
        self._log_id = log_id
        self._segment = SegmentBuilder(log_id, first_offset, lanes)

    @property
    def next_offset(self) -> Offset:
        """The offset of the message it takes next."""
        return self._segment.next_offset

    @property
    def messages(self) -> int:
        """How many it has."""
        return self._segment.next_offset - self._segment.first_offset

    @property
    def size_bytes(self) -> int:
        """About how long the segment is now."""
        return self._segment.size_bytes

    @property
    def _epoch(self) -> Epoch:
        return self.lanes.get(OWN_LANE, LaneState()).epoch

    def take(self, message: LogMessage) -> None:
        """Add the log's next message. Raises DamagedDataError when it is not that, or the log was rewritten."""
        if message.offset != self.next_offset:
            raise DamagedDataError(
                f"log {self._log_id}: message {message.offset} came where {self.next_offset} was due"
            )
        record = decode_envelope(message.data)
        if record.log_id != self._log_id:
            raise DamagedDataError(f"log {self._log_id} holds a record of log {record.log_id} at {message.offset}")
        lane = accept(self.lanes.get(record.lane, LaneState()), record)
        self._segment.add(message)
        if lane is not None:
            self.lanes[record.lane] = lane
            self._segment.cover(*record_times(record))
            if record.kind is Kind.BASE:
                self.begins_us = decode_base(record).timestamp_us

    def finish(self) -> tuple[SegmentEntry, bytes]:
        """The segment as a head lists it, and its bytes. At least one message must have been taken."""
        footer, data = self._segment.finish(self.lanes)
        entry = SegmentEntry(
            name=segment_name(self._log_id, footer.first_offset, footer.last_offset, self._epoch),
            first_offset=footer.first_offset,
            last_offset=footer.last_offset,
            timestamp_us_min=footer.timestamp_us_min,
            timestamp_us_max=footer.timestamp_us_max,
            sha256=sha256(data).hexdigest(),
            size_bytes=len(data),
        )
        return entry, data
