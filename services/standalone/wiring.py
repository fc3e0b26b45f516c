"""The embedded default: all services in one process and one directory, over the same ports as in a cluster.

    DIR/lock · DIR/log/ (the truth, synced) · DIR/views/ (can be rebuilt) · DIR/archive/ (segments, snapshots) · DIR/scratch/

The log is exclusive (the directory's lock keeps other writers out), so no read needs a barrier. One view per partition: the
leader's; it answers eventual reads too. Partitions are opened and claimed when they are first used, so that starting up does
not take longer the more tables there are.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from stator.adapters.archive_directory import DirectoryArchive
from stator.adapters.clock_system import SystemClock
from stator.adapters.identity_system import SystemIds
from stator.adapters.log_lmdb import LmdbLog
from stator.adapters.peers_local import LocalPeers
from stator.adapters.view_lmdb import LmdbViews
from stator.model.changes import Shard
from stator.model.positions import CATALOG_LOG, COMMON_LOGS, LEDGER_LOG, LogId, LogPosition
from stator.model.tables import Table
from stator.ports.log import Log
from stator.rules.commands import Control, ControlAnswer, Get, GetMany, Query, RestoreStatus, Stats, Steps
from stator.rules.reports import Report
from stator.runtime.admin import AdminPort
from stator.runtime.catalog import Catalog
from stator.runtime.history import History
from stator.runtime.lifecycle import Tasks
from stator.runtime.log_gauges import LogGauges
from stator.runtime.partition_client import PartitionClient
from stator.runtime.snapshots import Snapshots
from stator.runtime.status_board import StatusBoard
from stator.runtime.view_sweep import ViewSweep
from stator.runtime.vitals import Vitals

from ..archiver.archive_tables import ArchiverService
from ..archiver.ship_segments import SegmentLimits
from ..control.tables import TableControl
from ..gsi.base_items import archived_base_items
from ..gsi.worker import IndexWorker
from ..leader.expire import ExpirySweep
from ..leader.recovery import TransactionRecovery
from ..leader.server import LeaderService
from ..materializer.server import MaterializerService
from ..materializer.ship_snapshots import SnapshotLimits, SnapshotSweep
from ..restore.restore_tables import TableRestore
from ..router.accounts import Accounts
from ..router.dispatch import Dispatch
from ..router.routing import Surroundings
from ..router.server import HttpServer, start_server
from ..streams.log_history import LogChangeHistory
from .settings import StandaloneSettings

NODE = "standalone"
"""The one node there is."""

DRAIN_S = 10.0


class _Here:
    """Every partition is led and read here."""

    def leader(self, log_id: LogId) -> str:  # noqa: ARG002 - the port's
        return NODE

    def reader(self, log_id: LogId) -> str:  # noqa: ARG002 - the port's
        return NODE


class Standalone:
    """A running standalone server."""

    http: HttpServer

    def __init__(self, settings: StandaloneSettings, on_failure: Callable[[str, BaseException], None]) -> None:
        """Take the directory. Raises StartupError when it cannot be used."""
        self._settings = settings
        self._clock = SystemClock()
        self._ids = SystemIds()
        self._tasks = Tasks(on_failure)
        self._vitals = Vitals(NODE, "standalone", self._clock, settings.data)
        self._admin = AdminPort(settings.host, settings.admin_port, self._vitals)
        self._log = LmdbLog(settings.data)
        self._views = LmdbViews(settings.data / "views")
        self._scratch = LmdbViews(settings.data / "scratch")
        self._archive = DirectoryArchive(settings.data / "archive")

    async def start(self) -> None:
        """Bring all services up and listen. Raises StartupError when the port is taken."""
        log, clock, ids, tasks = self._log, self._clock, self._ids, self._tasks
        await log.create(COMMON_LOGS)
        peers = LocalPeers()
        snapshots = Snapshots(self._archive, clock)
        leaders = LeaderService(
            NODE, log, self._views, clock, ids, tasks, snapshots.install_base, on_use=True, meters=self._vitals.meters
        )
        leaders.serve(peers)
        indexes = MaterializerService(log, self._views, tasks, snapshots.install_base)
        partitions = PartitionClient(peers, _Here())

        catalog_partition = leaders.partition(CATALOG_LOG)
        catalog = Catalog(catalog_partition.replica)
        await catalog_partition.claim()
        held_here = _HeldHere(leaders, indexes, log, catalog, tasks)
        peers.serve("read_get", held_here.get)
        peers.serve("read_get_many", held_here.get)
        peers.serve("read_query", held_here.query)
        peers.serve("read_stats", held_here.stats)

        expiry = ExpirySweep(leaders, catalog, clock, self._settings.ttl_sweep_s, self._vitals.meters)
        tasks.spawn("expiry", expiry.run())
        recovery = TransactionRecovery(leaders, partial(partitions.ask_leader, LEDGER_LOG, "decide"), clock, tasks)
        tasks.spawn("recovery", recovery.run())

        control = TableControl(
            log, catalog, partitions, clock, ids, tasks, self._settings.partitions, on_duty=lambda: True
        )
        tasks.spawn("control", control.run())
        index_worker = IndexWorker(
            NODE,
            log,
            catalog,
            clock,
            ids,
            tasks,
            archived_base_items(self._archive),
            known=lambda log_id: indexes.hold(log_id).position,
        )
        archiver = ArchiverService(
            log,
            self._archive,
            catalog,
            clock,
            tasks,
            SegmentLimits(segment_age_s=self._settings.segment_age_s),
            mine=lambda _log_id: True,
        )
        self._vitals.places += [leaders.places, indexes.places, archiver.places, index_worker.sources.standing]
        LogGauges(self._vitals, catalog, log, clock)
        board = StatusBoard(self._vitals, {NODE: NODE}, held_here.open_all, catalog, log, topics=False)
        self._vitals.status = board.status
        sweep = SnapshotSweep(
            leaders.replicas,
            self._archive,
            clock,
            SnapshotLimits(),
            mine=lambda log_id: log_id not in COMMON_LOGS,
        )
        tasks.spawn("snapshots", sweep.run())
        views = ViewSweep(lambda: [*leaders.replicas(), *indexes.replicas.values()], clock)
        tasks.spawn("view-sweep", views.run())
        history = History(self._archive, log, clock)
        restore = TableRestore(
            catalog, partitions, history, snapshots, self._scratch, clock, tasks, on_duty=lambda: True
        )
        restore.serve(peers)
        tasks.spawn("restore", restore.run())

        def ask_control(message: Control) -> "asyncio.Future[ControlAnswer]":
            return control.serve(message)

        def ask_restore(message: RestoreStatus) -> "asyncio.Future[Steps]":
            return peers.call(NODE, "restore_status", message, DRAIN_S)

        changes = LogChangeHistory(log, clock, held_here.newest)
        surroundings = Surroundings(catalog, partitions, ask_control, ask_restore, changes, tasks, clock, ids)
        accounts = Accounts(self._vitals.meters, catalog, clock.monotonic)
        dispatch = Dispatch(surroundings, accounts)
        self.http = await start_server(dispatch, self._settings.host, self._settings.port, clock=clock, ids=ids)
        self._admin.open()
        self._vitals.health.starting = None

    async def stop(self) -> None:
        """Answer what was asked, then give everything up in order."""
        if hasattr(self, "http"):
            await self.http.drain(DRAIN_S)
        await self._admin.close()
        await self._tasks.close()
        await self._log.close()
        self._views.close()
        self._scratch.close()
        self._archive.close()


class _HeldHere:
    """Eventual reads: a table's partition from its leader's view, an index partition from a view of its own."""

    def __init__(
        self, leaders: LeaderService, indexes: MaterializerService, log: Log, catalog: Catalog, tasks: Tasks
    ) -> None:
        self._log = log
        self._tasks = tasks
        self._caught_up: set[LogId] = set()
        self._leaders = leaders
        self._indexes = indexes
        self._index_logs: set[LogId] = set()
        self._catalog = catalog
        for held in catalog.tables.values():
            self._changed(None, held.table)
        catalog.watchers.append(self._changed)

    def get(self, request: Get | GetMany) -> "asyncio.Future[object]":
        return self._leaders.partition(LogId(request.log_id)).submit(request)

    def query(self, request: Query) -> object:
        log_id = LogId(request.log_id)
        if log_id not in self._index_logs:
            return self._leaders.partition(log_id).submit(request)
        if log_id in self._caught_up:
            return self._indexes.query(request)
        return self._tasks.request("first-query", self._after_catching_up(log_id, self._indexes.query, request))

    def stats(self, request: Stats) -> object:
        log_id = LogId(request.log_id)
        if log_id not in self._index_logs:
            return self._leaders.stats(request)
        if log_id in self._caught_up:
            return self._indexes.stats(request)
        return self._tasks.request("first-stats", self._after_catching_up(log_id, self._indexes.stats, request))

    async def open_all(self) -> list[Report]:
        """Have a place to report for every log of every table, also for those not used since the start. There is nobody else
        to ask.
        """
        for log_id in [log_id for held in self._catalog.tables.values() for log_id in held.table.logs]:
            if log_id in self._index_logs:
                self._indexes.hold(log_id)
            else:
                self._leaders.partition(log_id)
        return []

    def newest(self, shard: Shard) -> LogPosition:
        """Where the view of a shard's log stands. A deleted table has none, and must not be opened for readers of its stream."""
        table = self._catalog.table(shard.table.name)
        if table is None or table.table_id != shard.table.table_id:
            return LogPosition()
        return self._leaders.partition(shard.log_id).replica.position

    async def _after_catching_up(self, log_id: LogId, answer: Callable[[Any], object], request: object) -> object:
        """A view that is opened on its first use must not answer before it has read what its log already holds."""
        replica = self._indexes.hold(log_id)
        await replica.reached(await self._log.end(log_id))
        self._caught_up.add(log_id)
        result = answer(request)
        return await result if isinstance(result, asyncio.Future) else result

    def _changed(self, before: Table | None, after: Table | None) -> None:
        gone = set(() if before is None else before.logs) - set(() if after is None else after.logs)
        for log_id in gone:
            self._index_logs.discard(log_id)
            self._caught_up.discard(log_id)
            self._indexes.forget(log_id)
            self._leaders.forget(log_id)
        if after is not None:
            self._index_logs.update(part.log_id for index in after.indexes for part in index.partitions)
