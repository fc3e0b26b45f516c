"""Leader processes in one loop, from their heartbeats to their claims, over a network and logs that tests take away from them."""

import asyncio
from random import Random

from services.leader.assignment import Assignment
from services.leader.moves import Moves
from services.leader.server import LeaderService
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_memory import Deliver, MemoryNetwork
from stator.adapters.view_memory import MemoryViews, MemoryViewStore
from stator.model.errors import LogError
from stator.model.positions import CATALOG_LOG, LogId, Offset
from stator.ports.log import Report
from stator.rules.placement import preference
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.membership import SUSPECT_S, Membership
from stator.runtime.replica import Replica
from tests.virtual_time import LoopClock

MEMBERS = {"leader-1": "leader", "leader-2": "leader", "leader-3": "leader"}
FIRST, SECOND, THIRD = preference(CATALOG_LOG, MEMBERS)
SETTLED_S = SUSPECT_S + 2.0


class FarLog(MemoryLog):
    """A log that its process may lose sight of, while all others reach it, or that takes `late_s` for what this process appends."""

    in_reach = True
    late_s = 0.0

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        if not self.in_reach:
            return
        if self.late_s:
            asyncio.get_running_loop().call_later(self.late_s, super().append, log_id, data, report)
        else:
            super().append(log_id, data, report)

    async def end(self, log_id: LogId) -> Offset:
        if not self.in_reach:
            raise LogError("no broker answers")
        return await super().end(log_id)


class Wires:
    """A network in which single directions go dead."""

    def __init__(self) -> None:
        self.dead: set[tuple[str, str]] = set()
        self.network = MemoryNetwork(self._carry)

    def _carry(self, source: str, target: str, deliver: Deliver) -> None:
        if (source, target) not in self.dead:
            deliver()


class Node:
    """One leader process, from its heartbeats to its claims."""

    def __init__(
        self, name: str, store: MemoryLogStore, network: MemoryNetwork, disk: MemoryViewStore | None = None
    ) -> None:
        self.name = name
        self.disk = disk or MemoryViewStore()
        self.failures: list[str] = []
        self.tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        self.log = FarLog(store)
        self.peers = network.join(name)
        clock = LoopClock()
        self.leaders = LeaderService(
            name, self.log, MemoryViews(self.disk), clock, SeededIds(Random(name)), self.tasks, _no_base, on_use=False
        )
        self.leaders.serve(self.peers)
        replica = Replica(self.log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), _no_base)
        self.tasks.spawn("catalog", replica.run())
        self.membership = Membership(name, MEMBERS, self.peers, clock, self.leaders.leads)
        self.tasks.spawn("membership", self.membership.run())
        assignment = Assignment(name, self.leaders, self.membership, Catalog(replica), clock)
        moves = Moves(name, self.leaders, self.membership, self.peers, clock, self.tasks)
        self._taking = self.tasks.spawn("assignment", assignment.run()), self.tasks.spawn("moves", moves.run())

    @property
    def leads(self) -> bool:
        return CATALOG_LOG in self.leaders.leads()

    async def stop(self) -> None:
        """As `LeaderProcess.stop` does it."""
        self.take_no_more()
        await self.leaders.release()
        await self.die()

    def take_no_more(self) -> None:
        """How a stop begins."""
        for task in self._taking:
            task.cancel()

    async def die(self) -> None:
        self.log.kill()
        self.tasks.cancel()
        await self.peers.close()


async def _no_base(*_: object) -> None:
    raise AssertionError("the catalog has no Base")


async def start(store: MemoryLogStore, wires: Wires, *names: str, apart_s: float = 0.0) -> list[Node]:
    """These processes, one of which leads, with heartbeats so far apart."""
    store.create(CATALOG_LOG)
    nodes = []
    for name in names:
        nodes.append(Node(name, store, wires.network))
        await asyncio.sleep(apart_s)
    await asyncio.sleep(SETTLED_S)
    return nodes


def leading(nodes: list[Node]) -> list[str]:
    return [node.name for node in nodes if node.leads]
