"""Who claims what: the first choice among those that live, never while anybody hears somebody say that he leads."""

import asyncio
from random import Random

import pytest

from services.leader.assignment import ALONE_S, LOOK_S, TURN_S, Assignment
from services.leader.leadership import APPEND_PATIENCE_S, HOLD_S, SUCCESSION_S
from services.leader.server import LeaderService
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_memory import Deliver, MemoryNetwork
from stator.adapters.view_memory import MemoryViews, MemoryViewStore
from stator.model.errors import LogError, NotLeaderError
from stator.model.positions import CATALOG_LOG, LogId, Offset
from stator.ports.log import Report
from stator.rules.commands import Get
from stator.rules.placement import preference
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.membership import HEARTBEAT_S, MISSED_S, SUSPECT_S, Membership
from stator.runtime.replica import Replica
from tests.virtual_time import LoopClock, run

MEMBERS = {"leader-1": "leader", "leader-2": "leader", "leader-3": "leader"}
FIRST, SECOND, THIRD = preference(CATALOG_LOG, MEMBERS)
SETTLED_S = SUSPECT_S + 2.0
LONG_S = 60.0


class FarLog(MemoryLog):
    """A log that its process may lose sight of, while all others reach it."""

    in_reach = True

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        if self.in_reach:
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
        replica = Replica(self.log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), _no_base)
        self.tasks.spawn("catalog", replica.run())
        self.membership = Membership(name, MEMBERS, self.peers, clock, self.leaders.leads)
        self.tasks.spawn("membership", self.membership.run())
        assignment = Assignment(name, self.leaders, self.membership, Catalog(replica), clock)
        self._assignment = self.tasks.spawn("assignment", assignment.run())

    @property
    def leads(self) -> bool:
        return CATALOG_LOG in self.leaders.leads()

    async def stop(self) -> None:
        """As `LeaderProcess.stop` does it."""
        self._assignment.cancel()
        await self.leaders.release()
        await self.die()

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


def test_whoever_is_stopped_has_a_successor_within_a_second() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        nodes = await start(store, Wires(), *MEMBERS)
        began = asyncio.get_running_loop().time()
        for name in (FIRST, SECOND):
            stopped = next(node for node in nodes if node.name == name)
            assert leading(nodes) == [name]
            await stopped.stop()
            nodes.remove(stopped)
        assert leading(nodes) == [THIRD]
        assert asyncio.get_running_loop().time() - began < 1

    run(scenario())


def test_who_was_restarted_behind_the_claim_of_a_leader_succeeds_it_at_once_as_well() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        leader, old = await start(store, wires, FIRST, SECOND)
        await old.stop()
        new = Node(SECOND, store, wires.network, old.disk)
        await asyncio.sleep(SETTLED_S)
        assert leading([leader, new]) == [FIRST]
        began = asyncio.get_running_loop().time()
        await leader.stop()
        assert leading([new]) == [SECOND]
        assert asyncio.get_running_loop().time() - began < SUCCESSION_S

    run(scenario())


def test_the_last_process_is_stopped_though_nobody_succeeds_it() -> None:
    async def scenario() -> None:
        (node,) = await start(MemoryLogStore(), Wires(), FIRST)
        began = asyncio.get_running_loop().time()
        await node.stop()
        assert asyncio.get_running_loop().time() - began <= SUCCESSION_S

    run(scenario())


def test_one_of_them_leads_and_keeps_leading() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        nodes = await start(store, Wires(), *MEMBERS)
        assert sum(node.leads for node in nodes) == 1
        records = store.end(CATALOG_LOG)
        await asyncio.sleep(60)
        assert store.end(CATALOG_LOG) == records == 1
        assert [node.failures for node in nodes] == [[], [], []]

    run(scenario())


def test_whoever_dies_another_leads_soon() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        nodes = await start(store, Wires(), *MEMBERS)
        while len(nodes) > 1:
            (leader,) = [node for node in nodes if node.leads]
            await leader.die()
            nodes.remove(leader)
            await asyncio.sleep(SETTLED_S if len(nodes) > 1 else ALONE_S + SETTLED_S)
        assert [node.leads for node in nodes] == [True]

    run(scenario())


def test_who_is_restarted_at_once_does_not_keep_the_others_waiting_until_it_has_settled() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS)
        (leader,) = [node for node in nodes if node.leads]
        await leader.die()
        Node(leader.name, store, wires.network)
        await asyncio.sleep(HEARTBEAT_S + 2 * LOOK_S)
        assert leading([node for node in nodes if node is not leader]) == [SECOND]

    run(scenario())


def test_who_is_killed_and_gone_from_his_address_is_replaced_within_a_second() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS)
        (leader,) = [node for node in nodes if node.leads]
        await leader.die()
        await asyncio.sleep(MISSED_S + HEARTBEAT_S + LOOK_S)
        assert leading([node for node in nodes if node is not leader]) == [SECOND]

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


@pytest.mark.parametrize("deaf", [SECOND, THIRD])
def test_a_leader_that_one_process_does_not_hear_keeps_leading(deaf: str) -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS)
        assert leading(nodes) == [FIRST]
        wires.dead = {(FIRST, deaf)}
        await asyncio.sleep(LONG_S)
        assert (leading(nodes), store.end(CATALOG_LOG)) == ([FIRST], 1)

    run(scenario())


def test_a_process_that_has_never_heard_the_leader_asks_the_others_too() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, SECOND, THIRD)
        assert leading(nodes) == [SECOND]
        wires.dead = {(SECOND, FIRST)}
        nodes.append(Node(FIRST, store, wires.network))
        await asyncio.sleep(LONG_S)
        assert (leading(nodes), store.end(CATALOG_LOG)) == ([SECOND], 1)

    run(scenario())


def test_a_leader_that_nobody_hears_is_replaced_soon() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS)
        wires.dead = {(FIRST, SECOND), (FIRST, THIRD)}
        await asyncio.sleep(SETTLED_S)
        assert leading(nodes) == [SECOND]

    run(scenario())


@pytest.mark.parametrize("apart_s", [0.05, 0.1, 0.15, 0.2, 0.25])
def test_who_lost_leadership_leaves_it_to_the_winner_before_his_first_heartbeat_too(apart_s: float) -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS, apart_s=apart_s)
        wires.dead = {(FIRST, SECOND), (FIRST, THIRD)}
        await store.changed(CATALOG_LOG)
        wires.dead = set()
        await asyncio.sleep(LONG_S)
        assert (leading(nodes), store.end(CATALOG_LOG)) == ([SECOND], 2)

    run(scenario())


def test_a_process_cut_off_from_all_others_does_not_take_back_what_they_write_to() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS)
        wires.dead = {pair for other in (SECOND, THIRD) for pair in ((FIRST, other), (other, FIRST))}
        await asyncio.sleep(SETTLED_S)
        (leader,) = [node for node in nodes if node.leads]
        for _ in range(round(LONG_S / SUSPECT_S)):
            await leader.leaders.partition(CATALOG_LOG).submit(Get(CATALOG_LOG, b"key"))
            await asyncio.sleep(SUSPECT_S)
        assert (leader.name, leader.leads, leader.leaders.leads()) == (SECOND, True, {CATALOG_LOG: 2})

    run(scenario())


def test_leadership_of_what_nobody_writes_to_changes_hands_over_a_cut_every_ten_seconds_at_most() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        await start(store, wires, *MEMBERS)
        wires.dead = {pair for other in (SECOND, THIRD) for pair in ((FIRST, other), (other, FIRST))}
        await asyncio.sleep(LONG_S)
        taken_and_taken_back = 2 * (LONG_S / ALONE_S)
        assert store.end(CATALOG_LOG) - 1 <= taken_and_taken_back

    run(scenario())


def test_leadership_does_not_flap_while_links_come_and_go() -> None:
    """There is always somebody who hears the leader, though not always the same."""

    async def scenario() -> None:
        store, wires, dice = MemoryLogStore(), Wires(), Random(12)
        nodes = await start(store, wires, *MEMBERS)
        for _ in range(40):
            wires.dead = {(FIRST, dice.choice((SECOND, THIRD)))}
            await asyncio.sleep(dice.uniform(0.0, 2 * SUSPECT_S))
        assert (leading(nodes), store.end(CATALOG_LOG)) == ([FIRST], 1)

    run(scenario())


def test_a_leader_in_doubt_is_left_alone_for_a_while_and_then_replaced_although_it_is_the_first_choice() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await start(store, wires, *MEMBERS)
        (leader,) = [node for node in nodes if node.leads]
        leader.log.in_reach = False
        read = leader.leaders.partition(CATALOG_LOG).submit(Get(CATALOG_LOG, b"key"))
        await asyncio.sleep(APPEND_PATIENCE_S + HOLD_S - 1.0)
        assert store.end(CATALOG_LOG) == 1
        await asyncio.sleep(TURN_S + SETTLED_S)
        assert (leader.name, leading(nodes), store.end(CATALOG_LOG)) == (FIRST, [SECOND], 2)
        with pytest.raises(NotLeaderError):
            await read

    run(scenario())


def test_an_orphan_whose_first_choice_cannot_lead_goes_to_the_second() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        store.create(CATALOG_LOG)
        first = Node(FIRST, store, wires.network)
        first.log.in_reach = False
        second = Node(SECOND, store, wires.network)
        await asyncio.sleep(SETTLED_S + TURN_S)
        assert leading([first, second]) == [SECOND]

    run(scenario())
