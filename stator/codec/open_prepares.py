"""Which transactions are under way in a log, and how far in time it is closed meanwhile (protocol R14). Part of every fold.

Not to break: a Prepare that is open may yet be committed at any time from its own on, however far the log's other records have
come. So until it ends nothing of the log may be taken as final behind the moment before it.
"""

from stator.codec.log_records import decode_abort, decode_commit, decode_preparation
from stator.model.errors import DamagedDataError
from stator.model.positions import OpenPrepare, TimestampUs
from stator.model.records import Envelope, Kind


def prepares_after(prepares: tuple[OpenPrepare, ...], record: Envelope) -> tuple[OpenPrepare, ...]:
    """What is open behind an accepted record. Raises DamagedDataError for the end of what has not begun."""
    match record.kind:
        case Kind.PREPARE:
            begun = decode_preparation(record)
            return (*prepares, OpenPrepare(begun.txid, begun.prepared_us, record.raw))
        case Kind.COMMIT:
            commit = decode_commit(record)
            ended = commit.txid, commit.prepared_us
        case Kind.ABORT:
            abort = decode_abort(record)
            ended = abort.txid, abort.prepared_us
        case _:
            return prepares
    left = tuple(one for one in prepares if (one.txid, one.prepared_us) != ended)
    if len(left) != len(prepares) - 1:
        raise DamagedDataError(
            f"log {record.log_id}: record {record.epoch}/{record.seq} ends transaction {ended[0].hex()}, which is not open"
        )
    return left


def closed_us(timestamp_us: TimestampUs, prepares: tuple[OpenPrepare, ...]) -> TimestampUs:
    """Up to when nothing more can come, in a log whose greatest timestamp is the one given."""
    if not prepares:  # nearly always, and everybody who folds asks
        return timestamp_us
    return TimestampUs(min(timestamp_us, *(one.prepared_us - 1 for one in prepares)))
