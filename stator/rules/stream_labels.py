"""The label of a change stream: the moment it was switched on, as AWS writes it. Unique per table, and part of topic names."""

from datetime import UTC, datetime


def stream_label(now_us: int) -> str:
    """`2026-11-21T05:00:00.250`: ISO 8601 to the millisecond, no zone."""
    moment = datetime.fromtimestamp(now_us / 1_000_000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
