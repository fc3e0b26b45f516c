"""Who claims what: the first choice among those that live, never while anybody hears somebody say that he leads."""

import asyncio
from random import Random

import pytest

from services.leader.assignment import ALONE_S, LOOK_S, TURN_S
from services.leader.leadership import HOLD_S, SUCCESSION_S
from stator.adapters.log_memory import MemoryLogStore
from stator.model.errors import NotLeaderError
from stator.model.positions import CATALOG_LOG
from stator.rules.append_patience import PATIENCE_S
from stator.rules.commands import Get
from stator.runtime.membership import HEARTBEAT_S, MISSED_S, SUSPECT_S
from tests.unit.leader.nodes import FIRST, MEMBERS, SECOND, SETTLED_S, THIRD, Node, Wires, leading, start
from tests.virtual_time import run

LONG_S = 60.0


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


def test_who_is_about_to_stop_as_well_is_no_successor() -> None:
    async def scenario() -> None:
        leader, second = await start(MemoryLogStore(), Wires(), FIRST, SECOND)
        second.take_no_more()
        await leader.stop()
        assert not second.leads

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
        await asyncio.sleep(SETTLED_S)
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
        await asyncio.sleep(PATIENCE_S + HOLD_S - 1.0)
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
