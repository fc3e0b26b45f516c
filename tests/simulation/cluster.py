"""The processes of a cluster in one: the services' own code over adapters that can be disturbed.

A `Machine` is what outlives a process: its name, its disk, its clock. A `Node` is one incarnation, wired as
`runtime/cluster_node.py` and the services' wirings do it. Crashing drops all callbacks of the incarnation (`loop.py`).
"""

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from functools import partial
from random import Random

from services.archiver.archive_tables import ArchiverService
from services.archiver.ship_segments import SegmentLimits
from services.control.tables import TableControl
from services.gsi.base_items import archived_base_items
from services.gsi.worker import IndexWorker
from services.leader.assignment import Assignment
from services.leader.expire import ExpirySweep
from services.leader.ledger_sweep import LedgerSweep
from services.leader.moves import Moves
from services.leader.recovery import TransactionRecovery
from services.leader.server import LeaderService
from services.materializer.server import MaterializerService
from services.materializer.ship_snapshots import SnapshotLimits, SnapshotSweep
from services.restore.restore_tables import TableRestore
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLogStore
from stator.adapters.peers_memory import MemoryNetwork, MemoryPeers
from stator.adapters.view_memory import MemoryViews
from stator.model.errors import NotLeaderError
from stator.model.positions import CATALOG_LOG, COMMON_LOGS, LEDGER_LOG, LogId
from stator.model.tables import Table
from stator.rules.placement import holders, preference
from stator.runtime.catalog import Catalog
from stator.runtime.history import History
from stator.runtime.lifecycle import Tasks
from stator.runtime.membership import Membership
from stator.runtime.meters import Meters
from stator.runtime.metric_names import HAND_OVERS
from stator.runtime.partition_client import PartitionClient
from stator.runtime.replica import Replica
from stator.runtime.snapshots import Snapshots
from stator.runtime.view_sweep import ViewSweep
from tests.simulation.archive import FaultyArchive
from tests.simulation.clock import RATES, SimulatedClock
from tests.simulation.disk import UNDO_APPLIES_MAX, FaultyDisk
from tests.simulation.loop import Owner, SimulatedLoop
from tests.simulation.lossy_log import LogWeather, LossyLog
from tests.simulation.network import Network

ROLES = ("leader", "leader", "materializer", "materializer", "control", "control", "gsi", "gsi", "router", "router")
SINGLES = ("archiver", "restore")
GOSSIP = frozenset({"leader", "control"})
"""Who heartbeats. The others do with hints, so that a simulated minute stays cheap."""
SEGMENT_AGE_S = 3.0
MERGE_SEGMENTS = 4
SNAPSHOT_RECORDS = 10
STOP_S = 0.01
"""What it takes to send the last answers."""
TTL_SWEEP_S = 3.0
LEDGER_SWEEP_S, LEDGER_KEEP_S = 0.5, 0.0
"""So short that what is forgotten may still be asked for."""
VIEW_SWEEP_S = 10.0
CALM_S = 2.0
"""Shorter than for real leaders, so that leadership moves between one fault and the next."""
RETRY_S = 1.0
"""Less often than real routers ask again, so that a minute without a leader stays cheap."""


class Machine:
    """A name, a disk and a clock."""

    def __init__(self, name: str, loop: SimulatedLoop, dice: Random) -> None:
        self.name = name
        self.role = name.rpartition("-")[0]
        self.disk = FaultyDisk()
        self.dice = Random(dice.getrandbits(64))
        self.clock = SimulatedClock(loop, skew_s=dice.uniform(-0.5, 0.5), rate=dice.uniform(*RATES))
        self.node: Node | None = None

    @property
    def running(self) -> bool:
        return self.node is not None and not self.node.owner.halted


class Cluster:
    """All machines and what they share."""

    def __init__(self, loop: SimulatedLoop, seed: int) -> None:
        self.loop = loop
        self.failures: list[str] = []
        self.partitions_per_table = 1
        self.by_lease = seed % 4 > 0
        dice = Random(seed)
        self.store = MemoryLogStore()
        self.weather = LogWeather(loop)
        self.network = Network(Random(dice.getrandbits(64)))
        self.peers = MemoryNetwork(self.network.carry)
        self.archive_objects: dict[str, bytes] = {}
        self.archive_trouble = 0.0
        self.meters = Meters()
        """Of all processes together, since the beginning."""
        self.index_shift = 0
        """Turns the share-out of sources among index workers, as a group's rebalance does."""
        numbers: dict[str, int] = {}
        names = []
        for role in (*ROLES, *SINGLES):
            numbers[role] = numbers.get(role, 0) + 1
            names.append(f"{role}-{numbers[role]}")
        self.machines = {name: Machine(name, loop, dice) for name in names}

    @property
    def moves(self) -> int:
        """How often a leader handed a partition over because it was asked to."""
        return round(self.meters.counter(HAND_OVERS).value)

    def of_role(self, role: str) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.role == role]

    def start(self, machine: Machine) -> None:
        """A new process begins."""
        owner = Owner(machine.name)
        node = Node(self, machine, owner)
        machine.node = node
        self.network.owners[machine.name] = owner
        self.loop.call_soon(node.begin, context=owner.context)

    def crash(self, machine: Machine, *, unsynced: bool) -> None:
        """Kill -9, or (`unsynced`) a loss of power: views lose what was not synced, and nobody is told."""
        node = machine.node
        if node is None:
            return
        self.loop.kill(node.owner)
        machine.node = None
        self.peers.nodes.pop(machine.name, None)
        if unsynced:
            for log_id in sorted(machine.disk._views):
                if machine.dice.random() < 0.2:
                    machine.disk.lose_view(log_id)
                else:
                    machine.disk.lose_applies(log_id, machine.dice.randrange(UNDO_APPLIES_MAX))
        else:
            for name, peer in self.peers.nodes.items():
                context = self.network.owners[name].context
                self.loop.call_soon(peer.lose, machine.name, context=context)

    def stop(self, machine: Machine, away_s: float) -> None:
        """SIGTERM: the process ends in its own time, and the next one begins so much later."""
        node = machine.node
        if node is not None and node.ready:
            stopped = partial(self._stopped, machine, node, away_s)
            self.loop.call_soon(node.stop, stopped, context=node.owner.context)

    def _stopped(self, machine: Machine, node: "Node", away_s: float) -> None:
        if machine.node is node:
            self.crash(machine, unsynced=False)
            self.loop.call_later(away_s, self._start_again, machine, context=Context())

    def _start_again(self, machine: Machine) -> None:
        if machine.node is None:
            self.start(machine)

    def pause(self, machine: Machine) -> None:
        if machine.node is not None:
            machine.node.owner.halted = True

    def resume(self, machine: Machine) -> None:
        if machine.node is not None and machine.node.owner.halted:
            self.loop.resume(machine.node.owner)

    def heal(self) -> None:
        """All faults end."""
        self.weather.clear()
        self.network.clear()
        self.archive_trouble = 0.0
        for machine in self.machines.values():
            machine.disk.heal()
            self.resume(machine)
            if machine.node is None:
                self.start(machine)

    def index_worker(self, log_id: LogId) -> str:
        """Which index worker a source is assigned to."""
        order = preference(log_id, [machine.name for machine in self.of_role("gsi") if machine.node is not None])
        return order[self.index_shift % len(order)] if order else ""


class Node:
    """One incarnation of a process."""

    incarnation: int
    log: LossyLog
    peers: MemoryPeers
    catalog: Catalog
    membership: Membership
    partitions: PartitionClient
    leaders: LeaderService | None = None
    materializer: MaterializerService | None = None
    _taking: tuple[asyncio.Task[None], ...] = ()

    def __init__(self, cluster: Cluster, machine: Machine, owner: Owner) -> None:
        self.name = machine.name
        self.owner = owner
        self.ready = False
        self._cluster = cluster
        self._machine = machine

    def begin(self) -> None:
        """Run in the owner's context, so that everything that comes of it is the owner's."""
        self.tasks = Tasks(self._failed)
        self.tasks.spawn("start", self._start())

    def stop(self, stopped: Callable[[], None]) -> None:
        """End as `LeaderProcess.stop` does it; run in the owner's context."""
        self.tasks.spawn("stop", self._stop(stopped))

    async def _stop(self, stopped: Callable[[], None]) -> None:
        for task in self._taking:
            task.cancel()
        if self.leaders is not None:
            await self.leaders.release()
            for partition in self.leaders.partitions.values():
                partition.resign(NotLeaderError(None))
            await asyncio.sleep(STOP_S)
        self._cluster.loop.call_soon(stopped, context=Context())

    def _failed(self, task: str, error: BaseException) -> None:
        self._cluster.failures.append(f"{self.name}: task {task} failed: {error!r}")

    async def _start(self) -> None:
        machine, cluster = self._machine, self._cluster
        self.clock = machine.clock
        self.ids = SeededIds(Random(machine.dice.getrandbits(64)))
        self.incarnation = self.ids.bits64()
        self.log = LossyLog(
            cluster.loop, cluster.store, cluster.weather, self.owner, Random(machine.dice.getrandbits(64))
        )
        self.archive = FaultyArchive(cluster, Random(machine.dice.getrandbits(64)))
        self.snapshots = Snapshots(self.archive, self.clock)
        await self.log.create(COMMON_LOGS)
        self.peers = cluster.peers.join(self.name)
        replica = Replica(self.log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), self.snapshots.install_base)
        self.tasks.spawn("catalog", replica.run())
        self.catalog = Catalog(replica)
        if machine.role in GOSSIP:
            members = {name: other.role for name, other in cluster.machines.items() if other.role in GOSSIP}
            self.membership = Membership(self.name, members, self.peers, self.clock, self._leads)
            self.tasks.spawn("membership", self.membership.run())
        self.partitions = PartitionClient(self.peers, Hints(cluster, Random(self.incarnation)), RETRY_S)
        getattr(self, f"_start_{machine.role}")()
        self.ready = True

    def _leads(self) -> dict[int, int]:
        return {} if self.leaders is None else self.leaders.leads()

    def _views(self) -> MemoryViews:
        return MemoryViews(self._machine.disk)

    # --- as the services' wirings do -------------------------------------------------------------------------

    def _start_leader(self) -> None:
        self.leaders = LeaderService(
            self.name,
            self.log,
            self._views(),
            self.clock,
            self.ids,
            self.tasks,
            self.snapshots.install_base,
            on_use=False,
            by_lease=self._cluster.by_lease,
        )
        self.leaders.serve(self.peers)
        assignment = Assignment(self.name, self.leaders, self.membership, self.catalog, self.clock)
        moves = Moves(
            self.name,
            self.leaders,
            self.membership,
            self.peers,
            self.clock,
            self.tasks,
            calm_s=CALM_S,
            meters=self._cluster.meters,
        )
        self._taking = self.tasks.spawn("assignment", assignment.run()), self.tasks.spawn("moves", moves.run())
        sweep = ExpirySweep(self.leaders, self.catalog, self.clock, TTL_SWEEP_S)
        self.tasks.spawn("expiry", sweep.run())
        self._sweep_views(self.leaders.replicas)
        ask_ledger = partial(self.partitions.ask_leader, LEDGER_LOG, "decide")
        recovery = TransactionRecovery(self.leaders, ask_ledger, self.clock, self.tasks)
        self.tasks.spawn("recovery", recovery.run())
        ask = self.partitions.ask_leader
        sweep = LedgerSweep(self.leaders, ask, self.catalog, self.clock, LEDGER_SWEEP_S, LEDGER_KEEP_S)
        self.tasks.spawn("ledger-sweep", sweep.run())

    def _sweep_views(self, replicas: Callable[[], Iterable[Replica]]) -> None:
        sweep = ViewSweep(replicas, self.clock, every_s=VIEW_SWEEP_S, look_s=VIEW_SWEEP_S / 2)
        self.tasks.spawn("view-sweep", sweep.run())

    def _start_materializer(self) -> None:
        service = MaterializerService(self.log, self._views(), self.tasks, self.snapshots.install_base)
        self.materializer = service
        service.serve(self.peers)
        fellows = [machine.name for machine in self._cluster.of_role("materializer")]

        def changed(before: Table | None, after: Table | None) -> None:
            had = set(() if before is None else before.logs)
            has = set(() if after is None else after.logs)
            for log_id in had - has:
                service.forget(log_id)
            for log_id in has:
                if self.name in holders(log_id, fellows):
                    service.hold(log_id)

        def snapshots(log_id: LogId) -> bool:
            tables = [held.table for held in self.catalog.tables.values()]
            base_logs = {partition.log_id for table in tables for partition in table.partitions}
            return log_id in base_logs and preference(log_id, fellows)[0] == self.name

        limits = SnapshotLimits(records=SNAPSHOT_RECORDS)
        sweep = SnapshotSweep(service.replicas.values, self.archive, self.clock, limits, snapshots)
        self.tasks.spawn("snapshots", sweep.run())
        self._sweep_views(service.replicas.values)
        for held in self.catalog.tables.values():
            changed(None, held.table)
        self.catalog.watchers.append(changed)

    def _start_control(self) -> None:
        def on_duty() -> bool:
            return self.membership.settled and self.membership.alive("control")[0] == self.name

        control = TableControl(
            self.log,
            self.catalog,
            self.partitions,
            self.clock,
            self.ids,
            self.tasks,
            self._cluster.partitions_per_table,
            on_duty,
        )
        self.peers.serve("control", control.serve)
        self.tasks.spawn("control", control.run())

    def _start_gsi(self) -> None:
        IndexWorker(
            self.name,
            self.log,
            self.catalog,
            self.clock,
            self.ids,
            self.tasks,
            archived_base_items(self.archive),
            mine=lambda log_id: self._cluster.index_worker(log_id) == self.name,
        )

    def _start_router(self) -> None:
        """Its part is played by `workload.py`, on `partitions` and `catalog`."""

    def _start_archiver(self) -> None:
        limits = SegmentLimits(segment_age_s=SEGMENT_AGE_S, merge_segments=MERGE_SEGMENTS)
        ArchiverService(self.log, self.archive, self.catalog, self.clock, self.tasks, limits, lambda _: True)

    def _start_restore(self) -> None:
        history = History(self.archive, self.log, self.clock)
        restore = TableRestore(
            self.catalog,
            self.partitions,
            history,
            self.snapshots,
            self._views(),
            self.clock,
            self.tasks,
            on_duty=lambda: True,
        )
        self.tasks.spawn("restore", restore.run())


class Hints:
    """A `Placement` that knows who is there and not who leads: answers put it right.

    It takes no turns: two clients that ask again in step would each meet the same process for ever.
    """

    def __init__(self, cluster: Cluster, dice: Random) -> None:
        self._leaders = [machine.name for machine in cluster.of_role("leader")]
        self._readers = [machine.name for machine in cluster.of_role("materializer")]
        self._dice = dice

    def leader(self, log_id: LogId) -> str:  # noqa: ARG002 - the port's
        return self._dice.choice(self._leaders)

    def reader(self, log_id: LogId) -> str:
        return self._dice.choice(holders(log_id, self._readers))
