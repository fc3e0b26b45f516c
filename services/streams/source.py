"""One log on its way into a change stream: which of its records count (R1, R2) and what consumers see of them.

Not to break: the stream in force is the one that the last accepted Define named, at each place of the log, and not the
one that the catalog names now. A table whose stream is switched off and on again has two streams with an edge between
them that every replay finds at the same record.
"""

from stator.codec.catalog_entries import decode_table
from stator.codec.change_topics import decode_state, encode_state
from stator.codec.log_records import decode_define, decode_effects, decode_envelope
from stator.model.changes import ChangeProgress
from stator.model.errors import DamagedDataError
from stator.model.positions import LaneState, LogId, Offset
from stator.model.records import Envelope, Kind, LogMessage
from stator.model.tables import Table
from stator.rules.acceptance import accept
from stator.rules.change_records import ChangePlace, ChangeRecord, change_record


class Source:
    """A place in one log. `table` gives what never changes (name, key); its stream there comes from the log itself."""

    def __init__(self, log_id: LogId, table: Table, progress: ChangeProgress | None) -> None:
        lane, stream = (LaneState(), None) if progress is None else decode_state(progress.state)
        self.next_offset = Offset(0) if progress is None else progress.next_offset
        self.table = table.evolve(stream=stream)
        self._log_id = log_id
        self._lane = lane

    def drop_stream(self) -> None:
        """Make no more records for the stream in force, nor resume it from `progress`."""
        self.table = self.table.evolve(stream=None)

    @property
    def progress(self) -> ChangeProgress:
        """What brings another Source to this place."""
        return ChangeProgress(self.next_offset, encode_state(self._lane, self.table.stream))

    def take(self, message: LogMessage) -> list[ChangeRecord]:
        """Go past one message; the records it makes. Raises DamagedDataError, and stays before a message that does not check.

        A Base makes none: a restored table's items are not changes.
        """
        if message.offset != self.next_offset:
            raise DamagedDataError(
                f"log {self._log_id}: message {message.offset} came where {self.next_offset} was due"
            )
        record = decode_envelope(message.data)
        if record.log_id != self._log_id:
            raise DamagedDataError(f"log {self._log_id} holds a record of log {record.log_id} at {message.offset}")
        lane = accept(self._lane, record)
        changes: list[ChangeRecord] = []
        if lane is not None:
            if record.kind is Kind.DEFINE:
                self.table = decode_table(decode_define(record))
            elif record.kind is Kind.EFFECT and self.table.stream is not None:
                changes = self._changes(message.offset, record)
            self._lane = lane
        self.next_offset = Offset(message.offset + 1)
        return changes

    def _changes(self, offset: Offset, record: Envelope) -> list[ChangeRecord]:
        candidates = [
            change_record(effect, self.table, ChangePlace(self._log_id, record.epoch, offset, index))
            for index, effect in enumerate(decode_effects(record))
        ]
        return [change for change in candidates if change is not None]
