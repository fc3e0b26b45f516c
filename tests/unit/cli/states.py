"""Deployments as `/status` tells of them: one that is well, to be spoilt by tests."""

from typing import TypeVar

import msgspec

from stator.rules.status import (
    IndexStatus,
    NodeStatus,
    PartitionStatus,
    Standing,
    Status,
    StreamStatus,
    TableStatus,
)

Value = TypeVar("Value", bound=msgspec.Struct)
NOW_US = 1_800_000_000_000_000


def standing(node: str, duty: str, lag: int = 0, lag_s: float = 0.0, problem: str = "") -> Standing:
    return Standing(node, duty, 100 - lag, lag, lag_s, problem)


def partition(log_id: int, leader: str | None, *standings: Standing) -> PartitionStatus:
    return PartitionStatus(log_id, "0" * 16, "f" * 16, 100, leader, 3, 1200, 34_567, list(standings))


def node(name: str) -> NodeStatus:
    role = name.rpartition("-")[0]
    return NodeStatus(
        name, role, answers=True, version="1.0", ready=True, data="/data", disk_free=5 << 30, disk_total=9 << 30
    )


WELL = Status(
    kind="cluster",
    node="router-1",
    version="1.0",
    now_us=NOW_US,
    nodes=[node(name) for name in ("archiver-1", "leader-1", "leader-2", "materializer-1", "router-1", "streams-1")],
    catalog=partition(0, "leader-1", standing("leader-1", "leads")),
    ledger=partition(99_999_999, "leader-2", standing("leader-2", "leads")),
    tables=[
        TableStatus(
            name="Notes",
            table_id="t",
            status="ACTIVE",
            created_us=NOW_US - 3_600_000_000,
            key=["id (S)"],
            billing="on demand",
            recovery_days=35,
            ttl_attribute="expires",
            items=1200,
            bytes=34_567,
            partitions=[
                partition(
                    1,
                    "leader-1",
                    standing("leader-1", "leads"),
                    standing("leader-2", "follows"),
                    standing("materializer-1", "views"),
                    standing("archiver-1", "archives", lag=40, lag_s=9.0),
                    standing("streams-1", "publishes"),
                )
            ],
            indexes=[
                IndexStatus(
                    "ByTag",
                    ["tag (S)"],
                    "ALL",
                    1200,
                    34_567,
                    0,
                    [partition(2, None, standing("materializer-1", "views"))],
                )
            ],
            stream=StreamStatus("2026-11-21T05:00:00.000", "NEW_IMAGE", "stator.changes.Notes.2026"),
        )
    ],
)


def changed(value: Value, **changes: object) -> Value:
    """A copy with some members changed."""
    return msgspec.structs.replace(value, **changes)
