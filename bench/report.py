"""Results as docs/benchmarks.md: a table is worth what is said beside it, so commit, machine and method come along."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from bench.appends import Appends
from bench.matrix import Row, Spread
from bench.resting import Resting
from bench.workload import KEYS

CHART = "benchmarks.svg"
METHOD = """\
`make bench` measured both servers in one run, in turns: {rounds} rounds of {seconds:g} s for each operation and number of
connections. One client sends prepared requests over 1, 16 and 64 connections, one at a time on each, and does not decode the
answers. Items are orders of about 0.7 KB under {keys:,} keys; gets and queries are strong reads, a query answers ten orders, an
update changes two attributes, a batch puts 25 orders. CPU is the server process's own, user and system, all threads; client and
server share the machine. Stator has synced every write to disk before it answers. DynamoDB Local runs with `-dbPath` (SQLite on
disk) and the JVM's defaults. Figures are medians of the rounds, with the least and the most of them in brackets.
"""


@dataclass(frozen=True, slots=True)
class Idle:
    """A server that has just started."""

    name: str
    started_in_s: float
    resident_mb: float


def markdown(
    rows: Sequence[Row],
    idle: Sequence[Idle],
    appends: Sequence[Appends],
    resting: Sequence[Resting],
    *,
    rounds: int,
    seconds: float,
) -> str:
    """The whole page."""
    parts = [
        f"# Benchmarks\n\n{datetime.now(UTC):%Y-%m-%d}, commit `{_commit()}`, {_machine()}.\n",
        METHOD.format(rounds=rounds, seconds=seconds, keys=KEYS),
        f"![Requests a second of Stator and DynamoDB Local, by operation and connections]({CHART})\n",
        "## Requests a second\n",
        _table(["", "connections", "Stator", "DynamoDB Local", "times as many"], [_rates(row) for row in rows]),
        "## Latency, and CPU of a request\n",
        _table(
            ["", "connections", "server", "p50 ms", "p99 ms", "CPU µs"], [line for row in rows for line in _costs(row)]
        ),
        "## Idle\n",
        _table(
            ["server", "start to first connection, s", "resident MB"],
            [[server.name, f"{server.started_in_s:.2f}", f"{server.resident_mb:.0f}"] for server in idle],
        ),
    ]
    if appends:
        parts += [
            "## Appends to the log on Kafka\n",
            "Three brokers on this one machine, replication 3, `acks=all`, 1 KB messages, one topic with one partition.\n",
            _table(
                ["in flight", "appends/s", "p50 ms", "p99 ms"],
                [[str(a.in_flight), f"{a.appends_per_s:,.0f}", f"{a.p50_ms:.2f}", f"{a.p99_ms:.2f}"] for a in appends],
            ),
        ]
    if resting:
        parts += [
            "## A cluster at rest\n",
            "CPU of all processes of `make cluster` while nobody asks for anything, in hundredths of a core.\n",
            _table(
                ["tables", "three brokers", "eleven services and MinIO"],
                [[str(one.tables), f"{one.brokers:.0%}", f"{one.services:.0%}"] for one in resting],
            ),
        ]
    return "\n".join(parts)


def _rates(row: Row) -> list[str]:
    rate = attrgetter("requests_per_s")
    return [
        row.operation,
        str(row.connections),
        _spread(row.stator(rate), ",.0f"),
        _spread(row.peer(rate), ",.0f"),
        _spread(row.ratio, ".1f"),
    ]


def _costs(row: Row) -> list[list[str]]:
    figures = (("p50_ms", ".2f"), ("p99_ms", ".2f"), ("cpu_us_per_request", ",.0f"))
    return [
        [
            row.operation,
            str(row.connections),
            name,
            *(format(spread(attrgetter(figure)).median, shape) for figure, shape in figures),
        ]
        for name, spread in (("Stator", row.stator), ("DynamoDB Local", row.peer))
    ]


def _spread(spread: Spread, shape: str) -> str:
    return f"{spread.median:{shape}} ({spread.least:{shape}} to {spread.most:{shape}})"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines)) + "\n"


def _commit() -> str:
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {model}, {memory_gb:.0f} GB, {platform.system()} {platform.release()},"
        f" CPython {platform.python_version()}, load average {load:.1f} at the end"
    )
