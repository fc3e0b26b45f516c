"""What is wrong with a deployment, in plain words and with what to do: a pure function of its status.

What a process finds out by itself (a full disk, a damaged view, Kafka that does not answer; routers: a partition without a
leader) it says itself, in its report; here is what only somebody who sees all of them can tell.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stator.rules.status import IndexStatus, PartitionStatus, Standing, Status, TableStatus

from .quantities import counted, span

CLOCKS_APART_S = 1.0
"""Restores go by the leaders' clocks: an instant read elsewhere should mean the same to a second."""
LAG_RECORDS, LAG_S = 1000, 5.0
"""A view that is this far behind in both is not just taking in a burst."""
ARCHIVE_LAG_S = 300.0
"""Segments are cut every ten seconds and an outage is caught up fast; a log this far behind is not being shipped."""
UNDECIDED_S = 30.0
"""Whoever leads ends after two seconds what nobody else has ended, unless the ledger cannot be asked."""
CREATING_S = 600.0
"""Tables are made in a second; a restore of many gigabytes may take so long, and deserves a look all the same."""


class Finding(NamedTuple):
    """One trouble: what it is, and what to do about it."""

    what: str
    remedy: str


def diagnose(status: Status) -> list[Finding]:
    """All findings, the ones that explain others first."""
    return [
        *_processes(status),
        *_common(status),
        *(finding for table in status.tables for finding in _table(table, status.now_us)),
    ]


def _processes(status: Status) -> Iterator[Finding]:
    answering = [node for node in status.nodes if node.answers]
    for node in status.nodes:
        if not node.answers:
            yield Finding(
                f"process {node.node} does not answer",
                f"start it (stator service {node.role} with STATOR_NODE={node.node}), or see its log for why it ends;"
                " if it runs, check that STATOR_SEEDS names its address",
            )
        if abs(node.clock_ahead_s) > CLOCKS_APART_S:
            side = "ahead of" if node.clock_ahead_s > 0 else "behind"
            yield Finding(
                f"the clock of {node.node} is {span(abs(node.clock_ahead_s))} {side} that of {status.node}",
                "let all machines follow the same time servers (NTP)",
            )
    for reason, nodes in _told([(node.node, node.reasons) for node in answering]).items():
        yield Finding(
            f"{reason}, so {nodes} cannot work",
            "see that it runs and can be reached from there; everything goes on by itself then",
        )
    for warning, nodes in _told([(node.node, node.warnings) for node in answering]).items():
        yield Finding(f"{warning}, says {nodes}", "see that it is mended; the log of who says it has the details")
    versions = sorted({node.version for node in answering})
    if len(versions) > 1:
        by_version = "; ".join(
            f"{version}: {', '.join(node.node for node in answering if node.version == version)}"
            for version in versions
        )
        yield Finding(f"processes run different versions ({by_version})", "finish the upgrade: one version for all")


def _told(by_node: Sequence[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """What is said, once, with who says it: an outage is one trouble, however many suffer from it."""
    said: dict[str, list[str]] = {}
    for node, sentences in by_node:
        for sentence in sentences:
            said.setdefault(sentence, []).append(node)
    return {sentence: ", ".join(nodes) for sentence, nodes in said.items()}


def _common(status: Status) -> Iterator[Finding]:
    if status.catalog.leader is None:
        yield Finding(
            "nobody leads the catalog: no table can be made, changed or deleted",
            "start a leader process; if one runs, Kafka may be missing two of three brokers",
        )
    if status.ledger.leader is None:
        yield Finding(
            "nobody leads the ledger: no transaction over several partitions can be committed",
            "start a leader process; if one runs, Kafka may be missing two of three brokers",
        )


def _table(table: TableStatus, now_us: int) -> Iterator[Finding]:
    age_s = (now_us - table.created_us) / 1e6
    if table.status == "CREATING" and age_s > CREATING_S:
        if table.restoring_from is not None:
            what = f"table {table.name} has been restoring from {table.restoring_from} for {span(age_s)}"
            remedy = "see the restore process's log; DeleteTable gives it up, the source is not touched"
        else:
            what = f"table {table.name} has been CREATING for {span(age_s)}"
            remedy = "see the control processes' logs; DeleteTable gives it up"
        yield Finding(what, remedy)
        return
    for partition in table.partitions:
        yield from _partition(table, partition)
    for index in table.indexes:
        yield from _index(table, index)


def _partition(table: TableStatus, partition: PartitionStatus) -> Iterator[Finding]:
    name = f"partition {partition.log_id} of table {table.name}"
    if partition.undecided and partition.undecided_s > UNDECIDED_S:
        yield Finding(
            f"{counted(partition.undecided, 'transaction')} in {name} wait for their end, the first for"
            f" {span(partition.undecided_s)}: strong reads of their items wait, and writes are refused",
            "see that the ledger has a leader, and why the partition's leader says recovery_put_off",
        )
    for standing in partition.standings:
        if standing.rebuilds:
            yield Finding(
                f"{standing.node}'s view of {name} was wrong and has been made anew"
                f" {counted(standing.rebuilds, 'time')} since the process started",
                "nothing is lost; its log says what differed (replica_diverged). Check the machine's disk and memory",
            )
        if standing.duty == "archives":
            yield from _archive(name, standing)
        elif _lags(standing):
            does = {"publishes": "publishes the changes of", "views": "shows"}.get(standing.duty, "follows")
            yield Finding(
                f"{standing.node} {does} {name} {counted(standing.lag, 'record')} late ({span(standing.lag_s)})",
                "wait if it has just started; else see its log and its CPU",
            )


def _archive(name: str, standing: Standing) -> Iterator[Finding]:
    if standing.lag_s > ARCHIVE_LAG_S:
        yield Finding(
            f"{standing.node} has not archived {name} for {span(standing.lag_s)} ({counted(standing.lag, 'record')})",
            "see whether the object store answers and takes writes; restores read the log meanwhile",
        )


def _index(table: TableStatus, index: IndexStatus) -> Iterator[Finding]:
    name = f"index {index.name} of table {table.name}"
    if index.behind > LAG_RECORDS:
        yield Finding(
            f"{name} is {counted(index.behind, 'record')} behind its table",
            "wait if it has just been made; else see the gsi processes' logs and their CPU",
        )
    if not any(partition.standings for partition in index.partitions) and table.status == "ACTIVE":
        yield Finding(f"nobody has a view of {name}: queries of it wait", "start a materializer process")


def _lags(standing: Standing) -> bool:
    return standing.lag > LAG_RECORDS and (standing.lag_s > LAG_S or standing.duty == "publishes")
