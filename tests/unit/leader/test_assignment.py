"""Who claims what: the first choice among those that live, never while somebody says that he leads."""

import asyncio
from random import Random

from services.leader.assignment import Assignment
from services.leader.server import LeaderService
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_memory import MemoryNetwork
from stator.adapters.view_memory import MemoryViews
from stator.model.positions import CATALOG_LOG
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.membership import SUSPECT_S, Membership
from stator.runtime.replica import Replica
from tests.virtual_time import LoopClock, run

MEMBERS = {"leader-1": "leader", "leader-2": "leader", "leader-3": "leader"}
SETTLED_S = SUSPECT_S + 2.0


class Node:
    """One leader process, from its heartbeats to its claims."""

    def __init__(self, name: str, store: MemoryLogStore, network: MemoryNetwork) -> None:
        self.failures: list[str] = []
        self.tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        self.log = MemoryLog(store)
        self.peers = network.join(name)
        clock = LoopClock()
        self.leaders = LeaderService(
            name, self.log, MemoryViews(), clock, SeededIds(Random(name)), self.tasks, _no_base, on_use=False
        )
        replica = Replica(self.log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), _no_base)
        self.tasks.spawn("catalog", replica.run())
        membership = Membership(name, MEMBERS, self.peers, clock, self.leaders.leads)
        self.tasks.spawn("membership", membership.run())
        assignment = Assignment(name, self.leaders, membership, Catalog(replica), clock)
        self.tasks.spawn("assignment", assignment.run())

    @property
    def leads(self) -> bool:
        return CATALOG_LOG in self.leaders.leads()

    async def die(self) -> None:
        self.log.kill()
        self.tasks.cancel()
        await self.peers.close()


async def _no_base(*_: object) -> None:
    raise AssertionError("the catalog has no Base")


def test_one_of_them_leads_and_keeps_leading() -> None:
    async def scenario() -> None:
        store, network = MemoryLogStore(), MemoryNetwork()
        store.create(CATALOG_LOG)
        nodes = [Node(name, store, network) for name in MEMBERS]
        await asyncio.sleep(SETTLED_S)
        assert sum(node.leads for node in nodes) == 1
        records = store.end(CATALOG_LOG)
        await asyncio.sleep(60)
        assert store.end(CATALOG_LOG) == records == 1
        assert [node.failures for node in nodes] == [[], [], []]

    run(scenario())


def test_whoever_dies_another_leads_soon() -> None:
    async def scenario() -> None:
        store, network = MemoryLogStore(), MemoryNetwork()
        store.create(CATALOG_LOG)
        nodes = [Node(name, store, network) for name in MEMBERS]
        await asyncio.sleep(SETTLED_S)
        while len(nodes) > 1:
            (leader,) = [node for node in nodes if node.leads]
            await leader.die()
            nodes.remove(leader)
            await asyncio.sleep(SETTLED_S)
        assert [node.leads for node in nodes] == [True]

    run(scenario())


def test_a_better_choice_that_comes_later_takes_nothing_away() -> None:
    async def scenario() -> None:
        store, network = MemoryLogStore(), MemoryNetwork()
        store.create(CATALOG_LOG)
        first = Node("leader-1", store, network)
        await asyncio.sleep(SETTLED_S)
        assert first.leads
        others = [Node(name, store, network) for name in ("leader-2", "leader-3")]
        await asyncio.sleep(60)
        assert first.leads
        assert not any(node.leads for node in others)

    run(scenario())
