"""`stator status`: which tables there are, who leads them, and how far everybody is."""

import sys
from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from stator.rules.status import IndexStatus, NodeStatus, PartitionStatus, Standing, Status, TableStatus

from .api_client import ApiError
from .quantities import counted, size, span
from .status_client import fetch_status

_PIPED_WIDTH = 160
"""Columns where there is no terminal: nothing should be cut off for `grep`."""
_GOOD, _BAD = "green", "red"


def show_status(table: str | None, endpoint: str, admin: str | None, *, as_json: bool) -> int:
    """Show all tables, or one in detail; the exit code."""
    try:
        status = fetch_status(endpoint, admin)
        chosen = None if table is None else _named(status, table)
    except ApiError as error:
        sys.stderr.write(f"stator: {error}\n")
        return 1
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(chosen or status)) + b"\n")
        return 0
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)
    if chosen is None:
        _overview(console, status)
    else:
        _detail(console, chosen)
    return 0


def _named(status: Status, name: str) -> TableStatus:
    for table in status.tables:
        if table.name == name:
            return table
    known = ", ".join(table.name for table in status.tables) or "none"
    raise ApiError(f"there is no table {name!r}; there are: {known}")


# --- all tables ---------------------------------------------------------------------------------------------


def _overview(console: Console, status: Status) -> None:
    answering = sum(node.answers for node in status.nodes)
    if status.kind == "standalone":
        node = status.nodes[0]
        console.print(f"Stator {status.version}, standalone; data in {node.data}, {size(node.disk_free)} free")
        _trouble(console, node)
    else:
        console.print(f"Stator {status.version}, a cluster of {len(status.nodes)} processes; {answering} answer")
        console.print(_grid(("process", "ready", "version", "disk free", ""), map(_node_row, status.nodes)))
    partitions = [partition for table in status.tables for partition in table.partitions]
    if status.ledger.leader is None or status.ledger.items or any(partition.undecided for partition in partitions):
        console.print(_ledger(status.ledger, partitions))
    if not status.tables:
        console.print("No tables yet.")
        return
    columns = (
        "table",
        "status",
        "items>",
        "size>",
        "partitions",
        "indexes",
        "stream",
        "time to live",
        "furthest behind",
    )
    console.print(_grid(columns, map(_table_row, status.tables)))


def _ledger(ledger: PartitionStatus, partitions: Sequence[PartitionStatus]) -> Text:
    """Who decides about transactions over several partitions, and where some are prepared that nobody has ended yet."""
    if ledger.leader is None:
        line = Text("Nobody leads the ledger of transactions", style=_BAD)
    else:
        line = Text(f"Transactions: {ledger.leader} leads the ledger, which holds {counted(ledger.items, 'item')}")
        own = next((one for one in ledger.standings if one.node == ledger.leader), None)
        if own is not None and own.lag:
            line.append(f", {_lag(own)}", style="yellow")
    undecided = [partition for partition in partitions if partition.undecided]
    if undecided:
        waits = span(max(partition.undecided_s for partition in undecided))
        line.append(f"; undecided in {counted(len(undecided), 'partition')}, for {waits} at most", style="yellow")
    return line


def _trouble(console: Console, node: NodeStatus) -> None:
    for trouble in (*node.reasons, *node.warnings):
        console.print(Text(f"  {trouble}", style=_BAD))


def _node_row(node: NodeStatus) -> tuple[str | Text, ...]:
    if not node.answers:
        return node.node, Text("silent", style=_BAD), "", "", ""
    free = size(node.disk_free) if node.disk_total else ""  # a router, say, keeps no files
    ready = Text("yes", style=_GOOD) if node.ready else Text("no", style=_BAD)
    return node.node, ready, node.version, free, "; ".join((*node.reasons, *node.warnings))


def _table_row(table: TableStatus) -> tuple[str | Text, ...]:
    led = sum(partition.leader is not None for partition in table.partitions)
    count = len(table.partitions)
    partitions = Text(str(count)) if led == count else Text(f"{count}, {count - led} without a leader", style=_BAD)
    return (
        table.name,
        _state(table),
        f"{table.items:,}",
        size(table.bytes),
        partitions,
        ", ".join(index.name for index in table.indexes),
        "" if table.stream is None else table.stream.view_type,
        table.ttl_attribute,
        _furthest(table),
    )


def _state(table: TableStatus) -> Text:
    if table.restoring_from is not None:
        return Text(f"restoring from {table.restoring_from}", style="yellow")
    return Text(table.status, style=_GOOD if table.status == "ACTIVE" else "yellow")


def _furthest(table: TableStatus) -> Text:
    """What is furthest behind of everything that follows the table; the archive ships in stretches and is always a little."""
    standings = [
        standing
        for partition in (*table.partitions, *(part for index in table.indexes for part in index.partitions))
        for standing in partition.standings
        if standing.duty != "archives" and standing.lag > 0
    ]
    indexes = [index for index in table.indexes if index.behind > 0]
    if any(standing.problem for partition in table.partitions for standing in partition.standings):
        return Text("damaged", style=_BAD)
    if indexes:
        index = max(indexes, key=lambda index: index.behind)
        return Text(f"index {index.name}: {counted(index.behind, 'record')}", style="yellow")
    if standings:
        worst = max(standings, key=lambda standing: standing.lag)
        return Text(f"{worst.node} ({worst.duty}): {_lag(worst)}", style="yellow")
    return Text("")


# --- one table ----------------------------------------------------------------------------------------------


def _detail(console: Console, table: TableStatus) -> None:
    facts = Grid.grid(padding=(0, 2))
    facts.add_row(Text(table.name, style="bold"), _state(table))
    facts.add_row("holds", f"{counted(table.items, 'item')}, {size(table.bytes)}")
    facts.add_row("key", ", ".join(table.key))
    facts.add_row("billing", table.billing)
    days = table.recovery_days
    facts.add_row("recovery", f"any moment of the last {counted(days, 'day')}" if days else "the last 24 hours")
    facts.add_row("time to live", table.ttl_attribute or "off")
    facts.add_row("stream", "off" if table.stream is None else f"{table.stream.view_type}, since {table.stream.label}")
    if table.stream is not None and table.stream.topic:
        facts.add_row("topic", table.stream.topic)
    console.print(facts)
    console.print()
    console.print(_partitions(table.partitions))
    for index in table.indexes:
        console.print()
        console.print(_index_line(index))
        console.print(_index_partitions(index.partitions))


def _index_line(index: IndexStatus) -> Text:
    line = Text(f"index {index.name}", style="bold")
    line.append(f"  {', '.join(index.key)}, {index.projection}; {counted(index.items, 'item')}, ", style="not bold")
    if index.behind < 0:
        line.append("how far behind is not known", style="not bold yellow")
    elif index.behind == 0:
        line.append("up to date", style="not bold green")
    else:
        line.append(f"{counted(index.behind, 'record')} behind", style="not bold yellow")
    return line


def _partitions(partitions: Sequence[PartitionStatus]) -> Grid:
    columns = ("log", "tokens", "leader", "epoch>", "end>", "items>", "size>", "views", "archived", "published")
    return _grid(columns, map(_partition_row, partitions))


def _partition_row(partition: PartitionStatus) -> tuple[str | Text, ...]:
    log, tokens, end, items, size_text, views = _index_partition_row(partition)
    leader = Text("none", style=_BAD) if partition.leader is None else partition.leader
    epoch = str(partition.epoch or "")
    archived, published = _standings(partition, "archives"), _standings(partition, "publishes")
    return log, tokens, leader, epoch, end, items, size_text, views, archived, published


def _index_partitions(partitions: Sequence[PartitionStatus]) -> Grid:
    """Nobody leads an index's partition: its lanes are written by whoever works on their sources."""
    return _grid(("log", "tokens", "end>", "items>", "size>", "views"), map(_index_partition_row, partitions))


def _index_partition_row(partition: PartitionStatus) -> tuple[str | Text, ...]:
    return (
        str(partition.log_id),
        f"{partition.first_token[:4]}..{partition.last_token[:4]}",
        "?" if partition.end < 0 else str(partition.end),
        f"{partition.items:,}",
        size(partition.bytes),
        _standings(partition, "leads", "follows", "views"),
    )


def _standings(partition: PartitionStatus, *duties: str) -> Text:
    chosen = [standing for standing in partition.standings if standing.duty in duties]
    return Text("\n").join(_standing(standing) for standing in chosen)


def _standing(standing: Standing) -> Text:
    if standing.problem:
        return Text(f"{standing.node}: {standing.problem}", style=_BAD)
    return Text(f"{standing.node} {_lag(standing)}", style="" if standing.lag == 0 else "yellow")


def _lag(standing: Standing) -> str:
    if standing.lag < 0:
        return f"at {standing.next_offset}"
    if standing.lag == 0:
        return "✓"
    late = f" ({span(standing.lag_s)})" if standing.lag_s else ""
    return f"{standing.lag:,} behind{late}"


def _grid(columns: Iterable[str], rows: Iterable[tuple[str | Text, ...]]) -> Grid:
    """A plain table; a column whose name ends in `>` holds numbers."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid
