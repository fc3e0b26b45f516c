"""Which instants a log record speaks of: what time travel may skip, and what it must not.

A record's envelope has one timestamp, but a group commit's effects have one each, a transaction's were given by its decision, and
a base carries the instant of the history that it was taken from.
"""

from stator.codec.log_records import decode_base, decode_changes
from stator.model.positions import TimestampUs
from stator.model.records import Envelope, Kind


def record_times(record: Envelope) -> tuple[TimestampUs, TimestampUs]:
    """The least and the greatest timestamp in a record, both included."""
    times = [record.timestamp_us, *(effect.timestamp_us for effect in decode_changes(record))]
    if record.kind is Kind.BASE:
        times.append(decode_base(record).timestamp_us)
    return min(times), max(times)
