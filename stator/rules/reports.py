"""What one process tells another about itself: is it well, and where does it stand with each log.

Sent on request only; who asks puts the reports of all processes together (`rules/status.py`).
"""

from typing import Literal

import msgspec

Duty = Literal["leads", "follows", "views", "archives", "publishes", "indexes"]
"""What a process does with a log: leads its partition, keeps a warm view to lead it, keeps a view for eventual reads, ships it
into the archive, publishes its changes, keeps its indexes up to date."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where one process stands with one log.

    `next_offset` is the first record not taken in yet, `timestamp_us` the time of the newest one that was (0: none, or not
    known). `waiting_s`: for the archive, how long the oldest record that is not archived has waited. `items` and `bytes` are
    what a view holds. `problem` is empty unless the log or the view does not check: then the process has given up on the log, or is
    `rebuilding` the view from it, which it has begun `rebuilds` times since it started. `undecided`: how many transactions are
    prepared there and have not ended, the first of them at `undecided_since_us`.
    """

    log_id: int
    duty: Duty
    next_offset: int
    timestamp_us: int = 0
    waiting_s: float = 0.0
    epoch: int = 0
    items: int = 0
    bytes: int = 0
    problem: str = ""
    rebuilding: bool = False
    rebuilds: int = 0
    undecided: int = 0
    undecided_since_us: int = 0


class ReportRequest(msgspec.Struct, frozen=True, array_like=True):
    """Tell about yourself."""


class Report(msgspec.Struct, frozen=True, array_like=True):
    """One process. `data` is where it keeps its files; `reasons` and `warnings` are those of its `/readyz`."""

    node: str
    role: str
    version: str
    now_us: int
    ready: bool
    reasons: list[str]
    warnings: list[str]
    data: str
    disk_free: int
    disk_total: int
    places: list[Place]
