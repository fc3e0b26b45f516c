"""The embedded default: all services in one process and one directory, over the same ports as in a cluster.

    DIR/lock · DIR/log/ (the truth, synced) · DIR/views/ (can be rebuilt) · DIR/archive/ (segments, snapshots) · DIR/scratch/

The log is exclusive (the directory's lock keeps other writers out), so no read needs a barrier. One view per partition: the
leader's; it answers eventual reads too, unless those are to be behind (DIR/delayed/). Partitions are opened and claimed when they
are first used, so that starting up does not take longer the more tables there are.
"""

import asyncio
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stator.adapters.archive_directory import DirectoryArchive
from stator.adapters.clock_system import SystemClock
from stator.adapters.identity_system import SystemIds
from stator.adapters.log_lmdb import LmdbLog
from stator.adapters.peers_local import LocalPeers
from stator.adapters.view_lmdb import LmdbViews
from stator.model.positions import CATALOG_LOG, COMMON_LOGS, LEDGER_LOG, LogId
from stator.rules.commands import Control, ControlAnswer, RestoreStatus, Steps
from stator.runtime.admin import AdminPort
from stator.runtime.catalog import Catalog
from stator.runtime.delayed_log import DelayedLog
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
from ..leader.ledger_sweep import LedgerSweep
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
from .readers import HeldBack, HeldHere
from .settings import StandaloneSettings
from .views_of_log import ViewsOfLog

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
        self._views = ViewsOfLog(LmdbViews(settings.data / "views"), self._log.known_end)
        self._scratch = LmdbViews(settings.data / "scratch")
        self._delayed = self._delayed_views(settings.data / "delayed")
        self._archive = DirectoryArchive(settings.data / "archive")

    def _delayed_views(self, directory: Path) -> ViewsOfLog | None:
        if self._settings.materializer_delay_s:
            return ViewsOfLog(LmdbViews(directory), self._log.known_end)
        shutil.rmtree(directory, ignore_errors=True)  # of another time, when there was a delay
        return None

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
        held_here = HeldHere(leaders, indexes, log, catalog, tasks)
        held_here.serve(peers)
        if self._delayed is not None:
            late = DelayedLog(log, clock, self._settings.materializer_delay_s)
            late_views = MaterializerService(late, self._delayed, tasks, snapshots.install_base, wait_s=0.0)
            HeldBack(late, late_views, catalog, tasks).serve(peers)
            self._vitals.places.append(late_views.places)

        expiry = ExpirySweep(leaders, catalog, clock, self._settings.ttl_sweep_s, self._vitals.meters)
        tasks.spawn("expiry", expiry.run())
        ask_ledger = partial(partitions.ask_leader, LEDGER_LOG, "decide")
        recovery = TransactionRecovery(leaders, ask_ledger, clock, tasks, self._vitals.meters)
        tasks.spawn("recovery", recovery.run())
        tasks.spawn("ledger-sweep", LedgerSweep(leaders, partitions.ask_leader, catalog, clock).run())

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
        surroundings = Surroundings(
            catalog, partitions, ask_control, ask_restore, changes, tasks, clock, ids, self._vitals.meters
        )
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
        if self._delayed is not None:
            self._delayed.close()
        self._archive.close()
