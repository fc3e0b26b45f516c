import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from stator.adapters.peers_memory import Deliver, MemoryNetwork
from tests.contracts.peers_contract import Nodes, PeersContract, Question, Reply, double


class TestMemoryPeers(PeersContract):
    def two_nodes(self) -> AbstractAsyncContextManager[Nodes]:
        @asynccontextmanager
        async def starting() -> AsyncIterator[Nodes]:
            network = MemoryNetwork()
            one, other = network.join("a"), network.join("b")
            yield one, other
            await one.close()
            await other.close()

        return starting()


def test_an_answer_given_at_once_makes_a_future_that_is_done() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        one, other = network.join("a"), network.join("b")
        other.serve("double", double)
        call = one.call("b", "double", Question(1), 5)
        assert call.done()
        assert call.result() == Reply(2, b"")

    asyncio.run(scenario())


def test_the_network_may_delay_drop_and_repeat_what_it_carries() -> None:
    async def scenario() -> None:
        held: list[tuple[str, str, Deliver]] = []
        network = MemoryNetwork(lambda source, target, deliver: held.append((source, target, deliver)))
        one, other = network.join("a"), network.join("b")
        seen: list[int] = []

        def note(question: Question) -> Reply:
            seen.append(question.number)
            return double(question)

        other.serve("double", note)
        delayed = one.call("b", "double", Question(1), 5)
        dropped = one.call("b", "double", Question(2), 0.05)
        (source, target, request), _ = held
        assert (source, target, delayed.done()) == ("a", "b", False)
        request()
        request()
        assert seen == [1, 1]
        _, _, (source, target, answer), (_, _, again) = held
        assert (source, target, delayed.done()) == ("b", "a", False)
        answer()
        again()
        assert delayed.result() == Reply(2, b"")
        with pytest.raises(TimeoutError):
            await dropped

    asyncio.run(scenario())


def test_what_reaches_a_node_after_it_died_is_for_nobody() -> None:
    async def scenario() -> None:
        held: list[Deliver] = []
        network = MemoryNetwork(lambda _source, _target, deliver: held.append(deliver))
        one, other = network.join("a"), network.join("b")
        other.serve("double", double)
        call = one.call("b", "double", Question(1), 5)
        await other.close()
        assert call.done()
        reborn = network.join("b")
        reborn.serve("double", double)
        held[0]()
        assert len(held) == 1
        with pytest.raises(ConnectionError):
            await call

    asyncio.run(scenario())
