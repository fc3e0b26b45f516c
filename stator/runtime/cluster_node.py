"""What every process of a cluster is made of: Kafka's log, peers, the catalog in memory, and who is alive.

With the services' wirings the only place that names concrete adapters. A service adds its own verbs to a node, starts it, and
has everything torn down in order when it ends.
"""

import asyncio
from collections.abc import Callable

from stator.adapters.archive_minio import MinioArchive, S3Settings
from stator.adapters.clock_system import SystemClock
from stator.adapters.identity_system import SystemIds
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.peers_socket import SocketPeers
from stator.adapters.view_lmdb import LmdbViews
from stator.adapters.view_memory import MemoryViews
from stator.codec.peer_messages import PeerMessages
from stator.model.positions import CATALOG_LOG, COMMON_LOGS, LogId, Offset
from stator.ports.view import Views
from stator.rules.peer_methods import REQUESTS
from stator.rules.placement import holders, preference
from stator.runtime.admin import AdminPort
from stator.runtime.catalog import Catalog
from stator.runtime.health import ARCHIVE_PROBE, answers
from stator.runtime.lifecycle import Tasks
from stator.runtime.log_gauges import LogGauges
from stator.runtime.membership import Membership
from stator.runtime.partition_client import PartitionClient
from stator.runtime.patience import ATTEMPT_S, wait_for
from stator.runtime.reads import place_of
from stator.runtime.replica import Replica
from stator.runtime.settings import ClusterSettings
from stator.runtime.snapshots import Snapshots
from stator.runtime.vitals import Vitals

Failed = Callable[[str, BaseException], None]


class ClusterNode:
    """One process of a cluster. `join` connects it; after `close` nothing of it is left."""

    log: KafkaLog
    peers: SocketPeers
    catalog: Catalog
    membership: Membership
    placement: "ClusterPlacement"
    partitions: PartitionClient
    archive: MinioArchive
    snapshots: Snapshots

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.ids = SystemIds()
        self.tasks = Tasks(on_failure)
        self.vitals = Vitals(settings.node, settings.members[settings.node], self.clock, settings.data)
        self._admin = AdminPort(settings.host, settings.admin_port, self.vitals)
        self._closing: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        """The node's name."""
        return self.settings.node

    async def join(self, *, archive: bool, leads: Callable[[], dict[int, int]] = dict) -> None:
        """Connect to Kafka, the peers and (if wanted) the object store, and read the catalog.

        Waits for a server that does not answer; raises StartupError when an operator must change something.
        """
        settings, health = self.settings, self.vitals.health
        self._admin.open()
        if archive:
            health.starting = f"it connects to the object store at {settings.s3_endpoint}"
            self.archive = MinioArchive(
                S3Settings(
                    endpoint=settings.s3_endpoint,
                    bucket=settings.s3_bucket,
                    access_key=settings.s3_access_key,
                    secret_key=settings.s3_secret_key,
                )
            )
            self._closing.append(self.archive.close)
            await wait_for(self.clock, "object store", settings.s3_endpoint, self.archive.open)
            self.snapshots = Snapshots(self.archive, self.clock)
        health.starting = f"it connects to Kafka at {settings.kafka}"
        self.log = await wait_for(self.clock, "kafka", settings.kafka, self._connect)
        end = await wait_for(self.clock, "kafka", settings.kafka, self._catalog_end)
        self.peers = await SocketPeers.listen(*settings.listen, settings.seeds, PeerMessages(REQUESTS))
        health.starting = "it reads the catalog"
        replica = Replica(self.log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), _no_base)
        self.tasks.spawn("catalog", replica.run())
        await replica.reached(end)
        self.catalog = Catalog(replica)
        self.vitals.places.append(lambda: [place_of(replica, "views")])
        self.membership = Membership(self.name, settings.members, self.peers, self.clock, leads)
        self.placement = ClusterPlacement(self.membership, settings.members)
        self.partitions = PartitionClient(self.peers, self.placement)
        self.tasks.spawn("membership", self.membership.run())
        LogGauges(self.vitals, self.catalog, self.log, self.clock)
        self.peers.serve("report", lambda _: self.tasks.request("report", self.vitals.report()))
        health.needs(f"Kafka at {settings.kafka}", lambda: answers(self.log.end(CATALOG_LOG)))
        if archive:
            health.cares(
                f"the object store at {settings.s3_endpoint}", lambda: answers(self.archive.list(ARCHIVE_PROBE))
            )
        health.starting = None

    async def _connect(self) -> KafkaLog:
        return await KafkaLog.connect(self.settings.kafka, self.clock, timeout_s=ATTEMPT_S)

    async def _catalog_end(self) -> Offset:
        """Where the catalog's log ends, made if missing. LogError or TimeoutError also while too few brokers are there for it."""
        async with asyncio.timeout(ATTEMPT_S):
            await self.log.create(COMMON_LOGS)
            return await self.log.end(CATALOG_LOG)

    def views(self, folder: str) -> Views:
        """A place for views in this process's data directory."""
        views = LmdbViews(self.settings.data / folder)
        self._closing.append(views.close)
        return views

    def on_duty(self) -> bool:
        """Whether this process is the one of its role that does background work: the first that lives. A hint; such work
        bears to be done twice.
        """
        role = self.settings.members[self.name]
        return self.membership.settled and self.membership.alive(role)[0] == self.name

    def mine(self, log_id: LogId) -> bool:
        """Whether this process is the first choice for a log among all of its role, alive or not."""
        role = self.settings.members[self.name]
        return (
            preference(log_id, [name for name, other in self.settings.members.items() if other == role])[0] == self.name
        )

    async def close(self) -> None:
        """Give everything up."""
        await self.tasks.close()
        await self._admin.close()
        if hasattr(self, "peers"):
            await self.peers.close()
        if hasattr(self, "log"):
            await self.log.close()
        for close in reversed(self._closing):
            close()


class ClusterPlacement:
    """Where partitions are led and read, as far as heartbeats tell."""

    def __init__(self, membership: Membership, members: dict[str, str]) -> None:
        self._membership = membership
        self._materializers = [name for name, role in members.items() if role == "materializer"]
        self._turn = 0

    def leader(self, log_id: LogId) -> str | None:
        """Who says that it leads; else who should claim."""
        leader = self._membership.leader(log_id)
        if leader is not None:
            return leader
        able = self._membership.able("leader")
        return preference(log_id, able)[0] if able else None

    def reader(self, log_id: LogId) -> str | None:
        """The materializers that hold the log, in turn."""
        alive = set(self._membership.alive("materializer"))
        able = [node for node in holders(log_id, self._materializers) if node in alive]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]


async def _no_base(*_: object) -> None:
    raise AssertionError("the catalog starts from nothing")
