"""A leader process: partitions with warm views, led as the log decides."""

import asyncio
from functools import partial

from stator.model.errors import NotLeaderError
from stator.model.positions import LEDGER_LOG
from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.settings import ClusterSettings
from stator.runtime.view_sweep import ViewSweep

from .assignment import Assignment
from .expire import ExpirySweep
from .ledger_sweep import LedgerSweep
from .moves import Moves
from .recovery import TransactionRecovery
from .server import LeaderService


class LeaderProcess:
    """See `runtime/process.Service`."""

    _leaders: LeaderService
    _taking: tuple[asyncio.Task[None], ...] = ()

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)

    async def start(self) -> None:
        """Join the cluster and take part in leading."""
        node = self._node
        await node.join(archive=True, leads=self._leads)
        self._leaders = LeaderService(
            node.name,
            node.log,
            node.views("views"),
            node.clock,
            node.ids,
            node.tasks,
            node.snapshots.install_base,
            on_use=False,
            by_lease=node.settings.strong_reads == "lease",
            meters=node.vitals.meters,
        )
        node.vitals.places.append(self._leaders.places)
        self._leaders.serve(node.peers)
        assignment = Assignment(node.name, self._leaders, node.membership, node.catalog, node.clock)
        moves = Moves(
            node.name, self._leaders, node.membership, node.peers, node.clock, node.tasks, meters=node.vitals.meters
        )
        self._taking = node.tasks.spawn("assignment", assignment.run()), node.tasks.spawn("moves", moves.run())
        sweep = ExpirySweep(self._leaders, node.catalog, node.clock, node.settings.ttl_sweep_s, node.vitals.meters)
        node.tasks.spawn("expiry", sweep.run())
        ask_ledger = partial(node.partitions.ask_leader, LEDGER_LOG, "decide")
        recovery = TransactionRecovery(self._leaders, ask_ledger, node.clock, node.tasks, node.vitals.meters)
        node.tasks.spawn("recovery", recovery.run())
        ledger_sweep = LedgerSweep(self._leaders, node.partitions.ask_leader, node.catalog, node.clock)
        node.tasks.spawn("ledger-sweep", ledger_sweep.run())
        node.tasks.spawn("view-sweep", ViewSweep(self._leaders.replicas, node.clock).run())

    def _leads(self) -> dict[int, int]:
        return self._leaders.leads() if hasattr(self, "_leaders") else {}

    async def stop(self) -> None:
        """Hand on what this process leads, tell everybody who still waits to ask elsewhere, then leave."""
        for task in self._taking:
            task.cancel()
        if hasattr(self, "_leaders"):
            await self._leaders.release()
            for partition in self._leaders.partitions.values():
                partition.resign(NotLeaderError(None))
        await self._node.close()
