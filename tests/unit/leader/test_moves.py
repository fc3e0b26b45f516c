"""Leadership comes back to the process that should have it, when all is calm, and no client notices."""

import asyncio

import pytest

from services.leader.assignment import TURN_S
from services.leader.leadership import QUICK_S, SUCCESSION_S
from services.leader.moves import AGAIN_S, BEHIND_MAX, CALM_S
from stator.adapters.log_memory import MemoryLogStore
from stator.codec.log_records import decode_envelope
from stator.model.item import encode_image
from stator.model.positions import CATALOG_LOG, LogId, Offset
from stator.model.records import Kind
from stator.ports.peers import PeerLostError
from stator.rules.commands import Get, HandedOver, HandOver, PutItem, Write
from stator.runtime.partition_client import PartitionClient
from tests.unit.leader.nodes import FIRST, SECOND, SETTLED_S, THIRD, Node, Wires, leading, start
from tests.virtual_time import run

BETWEEN_S = 0.05
MOVED_WITHIN_S = SETTLED_S + CALM_S + 2.0
IMAGE = encode_image({"pk": {"S": "key"}})


class ByHeartbeats:
    """A `Placement` as routers have it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def leader(self, log_id: LogId) -> str | None:
        return self._node.membership.leader(log_id)

    def reader(self, log_id: LogId) -> str | None:
        return self.leader(log_id)


class Client:
    """Writes one item after the other, at a process that does not lead, and keeps how long each took. Any error ends it."""

    def __init__(self, router: Node) -> None:
        self.took_s: list[float] = []
        self._partitions = PartitionClient(router.peers, ByHeartbeats(router))
        self.work = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            message = Write(CATALOG_LOG, PutItem(f"key-{len(self.took_s)}".encode(), IMAGE))
            await self._partitions.ask_leader(CATALOG_LOG, "write", message)
            self.took_s.append(loop.time() - began)
            await asyncio.sleep(BETWEEN_S)

    def longest_s(self) -> float:
        if self.work.done():
            self.work.result()
        self.work.cancel()
        return max(self.took_s)


async def led_by_the_second(store: MemoryLogStore, wires: Wires) -> list[Node]:
    """All processes, the first of which has just come back to find the second leading."""
    others = await start(store, wires, SECOND, THIRD)
    assert leading(others) == [SECOND]
    return [Node(FIRST, store, wires.network), *others]


async def ask(nodes: list[Node], node: str, next_offset: int) -> bool:
    """Have `node` ask the second process for the catalog's log."""
    asker = next(one for one in nodes if one.name == node)
    answer: HandedOver = await asker.peers.call(SECOND, "hand_over", HandOver(CATALOG_LOG, node, next_offset), 5.0)
    return answer.moved


def test_leadership_comes_back_and_no_request_fails_or_takes_long() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await led_by_the_second(store, wires)
        client = Client(nodes[-1])
        await asyncio.sleep(MOVED_WITHIN_S)
        assert leading(nodes) == [FIRST]
        await asyncio.sleep(SETTLED_S)
        assert client.longest_s() < 0.1
        assert [node.failures for node in nodes] == [[], [], []]

    run(scenario())


def test_leadership_moves_once_and_stays() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        nodes = await led_by_the_second(store, Wires())
        await asyncio.sleep(MOVED_WITHIN_S)
        records = store.end(CATALOG_LOG)
        await asyncio.sleep(3 * AGAIN_S)
        assert (leading(nodes), store.end(CATALOG_LOG)) == ([FIRST], records)

    run(scenario())


def test_nothing_moves_to_a_process_that_comes_and_goes() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await led_by_the_second(store, wires)
        for _ in range(10):
            await asyncio.sleep(CALM_S - 1.0)
            assert leading(nodes) == [SECOND]
            await nodes[0].die()
            nodes[0] = Node(FIRST, store, wires.network)
        assert store.end(CATALOG_LOG) == 1

    run(scenario())


def test_a_leader_that_took_over_just_now_hands_nothing_over() -> None:
    async def scenario() -> None:
        nodes = await led_by_the_second(MemoryLogStore(), Wires())
        await asyncio.sleep(SETTLED_S)
        assert not await ask(nodes, FIRST, 1)
        await asyncio.sleep(CALM_S - SETTLED_S)
        assert await ask(nodes, FIRST, 1)
        assert leading(nodes) == [FIRST]

    run(scenario())


@pytest.mark.parametrize("node", [SECOND, THIRD])
def test_only_who_should_lead_is_handed_a_partition(node: str) -> None:
    async def scenario() -> None:
        nodes = await start(MemoryLogStore(), Wires(), SECOND, THIRD)
        await asyncio.sleep(CALM_S)
        assert not await ask(nodes, node, 1)
        assert leading(nodes) == [SECOND]

    run(scenario())


def test_who_would_have_to_read_much_first_is_refused() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        nodes = await led_by_the_second(store, Wires())
        await asyncio.sleep(CALM_S)
        for _ in range(BEHIND_MAX):
            await nodes[1].leaders.partition(CATALOG_LOG).submit(Get(CATALOG_LOG, b"key"))
        assert not await ask(nodes, FIRST, store.end(CATALOG_LOG) - BEHIND_MAX - 1)
        assert await ask(nodes, FIRST, store.end(CATALOG_LOG) - BEHIND_MAX)

    run(scenario())


def test_a_leader_whose_log_takes_long_hands_nothing_over_until_it_is_quick_again() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        nodes = await led_by_the_second(store, Wires())
        await asyncio.sleep(CALM_S)
        nodes[1].log.late_s = 2 * QUICK_S
        assert not await ask(nodes, FIRST, 1)
        await asyncio.sleep(2 * QUICK_S)
        records = [decode_envelope(message.data) for message in store.messages(CATALOG_LOG, Offset(0))]
        assert [record.kind for record in records] == [Kind.CLAIM, Kind.BARRIER]
        nodes[1].log.late_s = 0.0
        assert await ask(nodes, FIRST, 2)
        assert leading(nodes) == [FIRST]

    run(scenario())


def test_one_partition_moves_at_a_time() -> None:
    async def scenario() -> None:
        nodes = await led_by_the_second(MemoryLogStore(), Wires())
        await asyncio.sleep(CALM_S)
        nodes[0].log.in_reach = False
        moving = asyncio.ensure_future(ask(nodes, FIRST, 1))
        await asyncio.sleep(SUCCESSION_S / 2)
        assert not moving.done()
        assert not await ask(nodes, FIRST, 1)
        assert not await moving

    run(scenario())


def test_who_is_handed_a_partition_and_cannot_claim_it_costs_a_wait_and_no_error_and_does_not_ask_again_soon() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await led_by_the_second(store, wires)
        nodes[0].log.in_reach = False
        client = Client(nodes[-1])
        await asyncio.sleep(MOVED_WITHIN_S)
        claims = nodes[1].leaders.partition(CATALOG_LOG).epoch
        assert (leading(nodes[1:]), claims) == ([SECOND], 2)
        await asyncio.sleep(AGAIN_S - MOVED_WITHIN_S)
        assert nodes[1].leaders.partition(CATALOG_LOG).epoch == claims
        assert client.longest_s() < SUCCESSION_S + 0.1
        nodes[0].log.in_reach = True
        await asyncio.sleep(AGAIN_S)
        assert leading(nodes) == [FIRST]

    run(scenario())


def test_a_leader_that_dies_while_it_hands_over_is_replaced_by_who_asked() -> None:
    async def scenario() -> None:
        store, wires = MemoryLogStore(), Wires()
        nodes = await led_by_the_second(store, wires)
        await asyncio.sleep(CALM_S)
        moving = asyncio.ensure_future(ask(nodes, FIRST, 1))
        await asyncio.sleep(0)
        await nodes[1].die()
        with pytest.raises(PeerLostError):
            await moving
        await asyncio.sleep(TURN_S)
        assert leading([nodes[0], nodes[2]]) == [FIRST]

    run(scenario())
