"""One log on its way into a change stream: which of its records count (R1, R2) and what consumers see of them.

Not to break: the stream in force is the one that the last accepted Define named, at each place of the log, and not the
one that the catalog names now. A table whose stream is switched off and on again has two streams with an edge between
them that every replay finds at the same record.
"""

from stator.codec.catalog_entries import decode_table
from stator.codec.change_topics import decode_state, encode_state
from stator.codec.log_records import decode_changes, decode_define, decode_envelope
from stator.model.changes import ChangeProgress
from stator.model.errors import DamagedDataError
from stator.model.positions import LaneState, LogId, Offset, TimestampUs
from stator.model.records import Envelope, Kind, LogMessage
from stator.model.tables import Table
from stator.rules.acceptance import accept
from stator.rules.change_records import ChangePlace, ChangeRecord, change_record


class Source:
    """A place in one log. `table` gives what never changes (name, key); its stream there comes from the log itself."""

    def __init__(self, log_id: LogId, table: Table, progress: ChangeProgress | None) -> None:
        lane, stream, ended = (LaneState(), None, "") if progress is None else decode_state(progress.state)
        self.next_offset = Offset(0) if progress is None else progress.next_offset
        self.table = table.evolve(stream=stream)
        self.timestamp_us = TimestampUs(0)
        """When the last record that counted was decided, of those taken here."""
        self._log_id = log_id
        self._lane = lane
        self._ended = ended

    def drop_stream(self) -> None:
        """Make no more records for the stream in force, nor resume it from `progress`."""
        self.table = self.table.evolve(stream=None)

    @property
    def progress(self) -> ChangeProgress:
        """What brings another Source to this place."""
        return ChangeProgress(self.next_offset, encode_state(self._lane, self.table.stream, self._ended))

    def take(self, message: LogMessage) -> list[ChangeRecord]:
        """Go past one message; the records it makes. Raises DamagedDataError, and stays before a message that does not check.

        A Base makes none: a restored table's items are not changes.
        """
        lane, record = self._check(message)
        changes: list[ChangeRecord] = []
        if lane is not None and self.table.stream is not None:
            changes = self._changes(message.offset, record)
        self._pass(message, lane, record)
        return changes

    def skip(self, message: LogMessage) -> None:
        """Go past one message as `take` does, making no records."""
        self._pass(message, *self._check(message))

    def _check(self, message: LogMessage) -> tuple[LaneState | None, Envelope]:
        """The record and, if it counts, the lane behind it."""
        if message.offset != self.next_offset:
            raise DamagedDataError(
                f"log {self._log_id}: message {message.offset} came where {self.next_offset} was due"
            )
        record = decode_envelope(message.data)
        if record.log_id != self._log_id:
            raise DamagedDataError(f"log {self._log_id} holds a record of log {record.log_id} at {message.offset}")
        return accept(self._lane, record), record

    def _pass(self, message: LogMessage, lane: LaneState | None, record: Envelope) -> None:
        if lane is not None:
            if record.kind is Kind.DEFINE:
                self._define(decode_table(decode_define(record)))
            self._lane = lane
            self.timestamp_us = record.timestamp_us
        self.next_offset = Offset(message.offset + 1)

    def _define(self, table: Table) -> None:
        before = self.table.stream
        if before is not None and (table.stream is None or table.stream.label != before.label):
            self._ended = before.label
        self.table = table

    def _changes(self, offset: Offset, record: Envelope) -> list[ChangeRecord]:
        candidates = [
            change_record(effect, self.table, ChangePlace(self._log_id, record.epoch, offset, index))
            for index, effect in enumerate(decode_changes(record))
        ]
        return [change for change in candidates if change is not None]
