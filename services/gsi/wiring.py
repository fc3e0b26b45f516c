"""The index worker of a cluster: Kafka, the object store, the catalog, and Faust around the propagation."""

from collections.abc import Callable

from stator.adapters.archive_minio import MinioArchive, S3Settings
from stator.adapters.clock_system import SystemClock
from stator.adapters.identity_system import SystemIds
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.peers_socket import SocketPeers
from stator.adapters.view_memory import MemoryViews
from stator.codec.peer_messages import PeerMessages
from stator.model.errors import StartupError
from stator.model.positions import CATALOG_LOG, LogId, LogPosition
from stator.model.tables import Table
from stator.rules.peer_methods import REQUESTS
from stator.runtime.admin import AdminPort
from stator.runtime.catalog import Catalog
from stator.runtime.health import ARCHIVE_PROBE, answers
from stator.runtime.lifecycle import Tasks
from stator.runtime.log_gauges import LogGauges
from stator.runtime.patience import ATTEMPT_S, wait_for
from stator.runtime.reads import place_of
from stator.runtime.replica import Replica
from stator.runtime.snapshots import Snapshots
from stator.runtime.vitals import Vitals

from .agent import GroupSettings, SourceGroup
from .assignment import IndexedSources
from .base_items import archived_base_items
from .settings import GsiSettings
from .watchdog import Watchdog


class GsiProcess:
    """A `runtime.process.Service`."""

    _log: KafkaLog
    _peers: SocketPeers
    _group: SourceGroup
    _sources: IndexedSources

    def __init__(self, settings: GsiSettings, on_failure: Callable[[str, BaseException], None]) -> None:
        """Raises StartupError when the settings cannot be used; connects to nothing yet."""
        self._settings = settings
        self._clock = SystemClock()
        self._ids = SystemIds()
        self._tasks = Tasks(on_failure)
        self._vitals = Vitals(settings.node, "gsi", self._clock, settings.data)
        self._admin = AdminPort(settings.host, settings.admin_port, self._vitals)
        s3 = S3Settings(
            endpoint=settings.s3_endpoint,
            bucket=settings.s3_bucket,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
        )
        self._scratch = settings.data / "faust"
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartupError(f"directory {settings.data} cannot be used: {error.strerror}") from error
        self._archive = MinioArchive(s3)
        self._assigned: set[LogId] = set()

    async def start(self) -> None:
        """Read the catalog, join the group; waits for Kafka, and for somebody to make the catalog."""
        settings, clock, tasks = self._settings, self._clock, self._tasks
        health = self._vitals.health
        self._admin.open()
        health.starting = f"it connects to Kafka at {settings.kafka}"
        log = self._log = await wait_for(clock, "kafka", settings.kafka, self._connect)
        end = await wait_for(clock, "kafka", settings.kafka, lambda: log.end(CATALOG_LOG))
        snapshots = Snapshots(self._archive, clock)
        replica = Replica(log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), snapshots.install_base)
        catalog = Catalog(replica)
        self._vitals.places.append(lambda: [place_of(replica, "views")])
        tasks.spawn("catalog", replica.run())
        await replica.reached(end)

        group_settings = GroupSettings(bootstrap=settings.kafka, prefix=settings.log_prefix, scratch=self._scratch)
        group = self._group = SourceGroup(group_settings, clock, self._on_assigned)
        self._sources = IndexedSources(
            settings.node,
            log,
            catalog,
            clock,
            self._ids,
            tasks,
            archived_base_items(self._archive),
            group.read,
            _from_the_start,
        )
        self._catalog_changed(None, None)
        catalog.watchers.append(self._catalog_changed)
        await group.start()
        tasks.spawn("faust", group.run())
        self._vitals.places.append(self._sources.standing)
        LogGauges(self._vitals, catalog, log, clock)
        health.needs(f"Kafka at {settings.kafka}", lambda: answers(log.end(CATALOG_LOG)))
        health.cares(f"the object store at {settings.s3_endpoint}", lambda: answers(self._archive.list(ARCHIVE_PROBE)))
        if settings.listen is not None:
            self._peers = await SocketPeers.listen(*settings.listen, {}, PeerMessages(REQUESTS))
            self._peers.serve("report", lambda _: tasks.request("report", self._vitals.report()))
        health.starting = None
        tasks.spawn("watchdog", Watchdog(self._sources, log, clock, group.nudge).run())

    async def _connect(self) -> KafkaLog:
        return await KafkaLog.connect(
            self._settings.kafka, self._clock, prefix=self._settings.log_prefix, timeout_s=ATTEMPT_S
        )

    async def stop(self) -> None:
        """Leave the group, then give everything up."""
        if hasattr(self, "_group"):
            await self._group.stop()
        await self._tasks.close()
        await self._admin.close()
        if hasattr(self, "_peers"):
            await self._peers.close()
        if hasattr(self, "_log"):
            await self._log.close()
        self._archive.close()

    def _on_assigned(self, sources: set[LogId]) -> None:
        self._assigned = sources
        self._sources.assign(sources.__contains__)

    def _catalog_changed(self, _before: Table | None, _after: Table | None) -> None:
        self._group.subscribe(self._sources.indexed())
        self._sources.assign(self._assigned.__contains__)


def _from_the_start(_log_id: LogId) -> LogPosition:
    # An index worker of a cluster keeps no views.
    return LogPosition()
