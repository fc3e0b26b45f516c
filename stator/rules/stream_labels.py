"""The label of a change stream: the moment it was switched on, as AWS writes it. Part of ARNs and topic names, so that no two
streams of a table have the same, nor those of tables that have borne one name.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from stator.model.tables import Table


def stream_label(now_us: int) -> str:
    """`2026-11-21T05:00:00.250`: ISO 8601 to the millisecond, no zone."""
    moment = datetime.fromtimestamp(now_us / 1_000_000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def unused_label(now_us: int, used: Collection[str]) -> str:
    """The label of that moment, or of the next that is free: clocks step."""
    while (label := stream_label(now_us)) in used:
        now_us += 1_000
    return label


def labels_of(tables: Iterable[Table]) -> frozenset[str]:
    """The labels of all streams that the tables have and had."""
    return frozenset(
        stream.label
        for table in tables
        for stream in (*table.ended_streams, *(() if table.stream is None else (table.stream,)))
    )
