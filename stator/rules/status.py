"""The state of a deployment as one value: its processes and tables, put together from what each process reports.

It is what `/status` answers as JSON, `stator status` shows and `stator doctor` judges. A process that did not report is there
all the same, and what nobody reported is absent: nothing is made up.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from stator.model.positions import CATALOG_LOG, LEDGER_LOG, LogId, Offset, TimestampUs
from stator.model.tables import Index, KeySchema, Partition, Table
from stator.rules.reports import Place, Report

_UNKNOWN = -1

Spot = tuple[LogId, Offset]
"""A place in a log."""


class NodeStatus(msgspec.Struct, frozen=True):
    """One process. All but the name and the role mean something only if it `answers`."""

    node: str
    role: str
    answers: bool = False
    version: str = ""
    clock_ahead_s: float = 0.0
    """Of the process that asked; what the question took on its way counts in."""
    ready: bool = False
    reasons: list[str] = []
    warnings: list[str] = []
    data: str = ""
    disk_free: int = 0
    disk_total: int = 0


class Standing(msgspec.Struct, frozen=True):
    """One process and one log. `lag` is how many records it has not taken in (-1: the log's end is not known), `lag_s` how old
    the oldest of them is.
    """

    node: str
    duty: str
    next_offset: int
    lag: int
    lag_s: float
    problem: str = ""
    rebuilds: int = 0
    """How often its view turned out to be wrong, and was made anew, since the process started."""


class PartitionStatus(msgspec.Struct, frozen=True):
    """One partition, of a table or of an index. Its tokens are 16 hex digits, both ends included. `undecided`: how many
    transactions are prepared there and have not ended; `undecided_s`: for how long the first of them.
    """

    log_id: int
    first_token: str
    last_token: str
    end: int
    leader: str | None
    epoch: int
    items: int
    bytes: int
    standings: list[Standing]
    undecided: int = 0
    undecided_s: float = 0.0


class IndexStatus(msgspec.Struct, frozen=True):
    """A global secondary index. `behind` is how many records of one of the table's logs nobody has turned into rows of it yet
    (the most, over all logs; -1: not known).
    """

    name: str
    key: list[str]
    projection: str
    items: int
    bytes: int
    behind: int
    partitions: list[PartitionStatus]


class StreamStatus(msgspec.Struct, frozen=True):
    """A change stream; `topic` is empty where there is no Kafka."""

    label: str
    view_type: str
    topic: str


class TableStatus(msgspec.Struct, frozen=True):
    """One table."""

    name: str
    table_id: str
    status: str
    created_us: int
    key: list[str]
    billing: str
    recovery_days: int
    """How far back a restore can go with point-in-time recovery; 0: it is off."""
    ttl_attribute: str
    items: int
    bytes: int
    partitions: list[PartitionStatus]
    indexes: list[IndexStatus]
    stream: StreamStatus | None = None
    restoring_from: str | None = None
    """The source table of a restore that is not finished."""


class Status(msgspec.Struct, frozen=True):
    """A whole deployment at `now_us`, as `node` sees it."""

    kind: str
    """`standalone` or `cluster`."""
    node: str
    version: str
    now_us: int
    nodes: list[NodeStatus]
    catalog: PartitionStatus
    ledger: PartitionStatus
    tables: list[TableStatus]


def status_of(
    asker: Report,
    members: Mapping[str, str],
    reports: Sequence[Report],
    tables: Sequence[Table],
    ends: Mapping[LogId, Offset],
    times: Mapping[Spot, TimestampUs],
    topic_of: Callable[[Table], str],
) -> Status:
    """Put everything together. `members` maps the name of each process there should be to its role, `ends` each log to its end
    and `times` records to their timestamps, as far as they could be found out; `topic_of` names the topic of a table that has a
    stream.
    """
    board = _Board(asker.now_us, reports, ends, times)
    return Status(
        kind="standalone" if asker.role == "standalone" else "cluster",
        node=asker.node,
        version=asker.version,
        now_us=asker.now_us,
        nodes=[_node(name, role, asker, reports) for name, role in sorted(members.items())],
        catalog=board.partition(Partition(CATALOG_LOG, 0, _LAST_TOKEN)),
        ledger=board.partition(Partition(LEDGER_LOG, 0, _LAST_TOKEN)),
        tables=[board.table(table, topic_of) for table in sorted(tables, key=lambda table: table.name)],
    )


_LAST_TOKEN = 2**64 - 1


def _node(name: str, role: str, asker: Report, reports: Sequence[Report]) -> NodeStatus:
    report = next((report for report in reports if report.node == name), None)
    if report is None:
        return NodeStatus(name, role)
    return NodeStatus(
        node=name,
        role=role,
        answers=True,
        version=report.version,
        clock_ahead_s=(report.now_us - asker.now_us) / 1e6,
        ready=report.ready,
        reasons=report.reasons,
        warnings=report.warnings,
        data=report.data,
        disk_free=report.disk_free,
        disk_total=report.disk_total,
    )


class _Board:
    """All reported places, by log."""

    def __init__(
        self, now_us: int, reports: Sequence[Report], ends: Mapping[LogId, Offset], times: Mapping[Spot, TimestampUs]
    ) -> None:
        self._now_us = now_us
        self._ends = ends
        self._times = times
        self._places: dict[int, list[tuple[str, Place]]] = {}
        for report in reports:
            for place in report.places:
                self._places.setdefault(place.log_id, []).append((report.node, place))

    def table(self, table: Table, topic_of: Callable[[Table], str]) -> TableStatus:
        partitions = [self.partition(partition) for partition in table.partitions]
        stream = table.stream
        restore = table.restore
        return TableStatus(
            name=table.name,
            table_id=table.table_id,
            status=table.status,
            created_us=table.created_us,
            key=_key(table.key),
            billing="on demand" if table.on_demand else f"{table.throughput.read} read, {table.throughput.write} write",
            recovery_days=table.backups.recovery_days if table.backups.enabled else 0,
            ttl_attribute=table.ttl_attribute,
            items=sum(partition.items for partition in partitions),
            bytes=sum(partition.bytes for partition in partitions),
            partitions=partitions,
            indexes=[self._index(index, table) for index in table.indexes],
            stream=None if stream is None else StreamStatus(stream.label, stream.view_type, topic_of(table)),
            restoring_from=None if restore is None or restore.finished else restore.source_table_name,
        )

    def _index(self, index: Index, table: Table) -> IndexStatus:
        partitions = [self.partition(partition) for partition in index.partitions]
        behind = [self._behind(source.log_id) for source in table.partitions]
        return IndexStatus(
            name=index.name,
            key=_key(index.key),
            projection=index.projection.type,
            items=sum(partition.items for partition in partitions),
            bytes=sum(partition.bytes for partition in partitions),
            behind=_UNKNOWN if _UNKNOWN in behind else max(behind, default=0),
            partitions=partitions,
        )

    def _behind(self, source: LogId) -> int:
        end = self._ends.get(source, _UNKNOWN)
        fed = [place.next_offset for _, place in self._places.get(source, ()) if place.duty == "indexes"]
        return _UNKNOWN if end == _UNKNOWN or not fed else max(0, end - max(fed))

    def partition(self, partition: Partition) -> PartitionStatus:
        places = self._places.get(partition.log_id, [])
        leads = max(((node, place) for node, place in places if place.duty == "leads"), key=_epoch, default=None)
        views = [place for _, place in places if place.duty in {"leads", "follows", "views"}]
        fullest = max(views, key=lambda place: place.next_offset, default=None)
        end = self._ends.get(partition.log_id, Offset(_UNKNOWN))
        undecided = 0 if fullest is None else fullest.undecided
        return PartitionStatus(
            log_id=partition.log_id,
            first_token=f"{partition.first_token:016x}",
            last_token=f"{partition.last_token:016x}",
            end=end,
            leader=None if leads is None else leads[0],
            epoch=0 if leads is None else leads[1].epoch,
            items=0 if fullest is None else fullest.items,
            bytes=0 if fullest is None else fullest.bytes,
            standings=[self._standing(node, place, end) for node, place in places],
            undecided=undecided,
            undecided_s=max(0.0, (self._now_us - fullest.undecided_since_us) / 1e6) if fullest and undecided else 0.0,
        )

    def _standing(self, node: str, place: Place, end: int) -> Standing:
        lag = _UNKNOWN if end == _UNKNOWN else max(0, end - place.next_offset)
        lag_s = lag_seconds(place, end, self._times, self._now_us)
        return Standing(node, place.duty, place.next_offset, lag, lag_s, place.problem, place.rebuilds)


def spots_behind(places: Iterable[Place], ends: Mapping[LogId, Offset]) -> list[Spot]:
    """Where the oldest records lie that places have not taken in, the longest lags first: of those that somebody must look at to
    know how old they are.
    """
    lags: dict[Spot, int] = {}
    for place in places:
        lag = ends.get(LogId(place.log_id), Offset(0)) - place.next_offset
        if lag > 0 and not place.waiting_s:
            lags[LogId(place.log_id), Offset(place.next_offset)] = lag
    return sorted(lags, key=lambda spot: -lags[spot])


def lag_seconds(place: Place, end: int, times: Mapping[Spot, TimestampUs], now_us: int) -> float:
    """How old the oldest record is that was not taken in; 0 when there is none. `times`: of those that somebody has looked at.

    Of one that nobody has looked at the newest that was taken in says how old it is at most. The archive ships in stretches, and
    says itself how long the next one has waited.
    """
    if place.next_offset >= end:
        return 0.0
    since_us = times.get((LogId(place.log_id), Offset(place.next_offset)), place.timestamp_us)
    return place.waiting_s if since_us == 0 else max(0.0, (now_us - since_us) / 1e6)


def _epoch(entry: tuple[str, Place]) -> int:
    return entry[1].epoch


def _key(schema: KeySchema) -> list[str]:
    return [f"{attribute.name} ({attribute.type})" for attribute in schema.attributes]
