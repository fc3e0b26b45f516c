"""Peers inside one process: a call is a function call. The simulator disturbs it through `carry`, the only way for anything
to get from one node to another.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from stator.adapters.deadlines import Deadlines
from stator.adapters.peers_handlers import Handlers
from stator.model.errors import DomainError
from stator.ports.peers import Handler, PeerLostError, PeerUnreachableError

Deliver = Callable[[], None]
Carry = Callable[[str, str, Deliver], None]
"""Takes (from, to, deliver) for every request and every answer. Calls `deliver` now or later, once, twice, or never."""


def at_once(source: str, target: str, deliver: Deliver) -> None:  # noqa: ARG001 - others look at them
    """The undisturbed network."""
    deliver()


class MemoryNetwork:
    """Where nodes find one another by name."""

    def __init__(self, carry: Carry = at_once) -> None:
        self.carry = carry
        self.nodes: dict[str, MemoryPeers] = {}

    def join(self, node: str) -> "MemoryPeers":
        """A node starts; one of the same name must have closed before."""
        assert node not in self.nodes
        self.nodes[node] = MemoryPeers(node, self)
        return self.nodes[node]


class MemoryPeers:
    """One node's `Peers`. A handler that answers without a future gives a future that is done."""

    def __init__(self, node: str, network: MemoryNetwork) -> None:
        self._node = node
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._handlers = Handlers()
        self._numbers = count()
        self._calls: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._deadlines = Deadlines(self._loop, self._expire)

    def call(self, node: str, method: str, message: Any, timeout_s: float) -> "asyncio.Future[Any]":
        """See `Peers.call`."""
        outcome: asyncio.Future[Any] = self._loop.create_future()
        target = self._network.nodes.get(node)
        if target is None or self._network.nodes.get(self._node) is not self:
            outcome.set_exception(PeerUnreachableError(f"{node} cannot be reached"))
            return outcome
        number = next(self._numbers)
        self._calls[number] = (node, outcome)
        self._network.carry(self._node, node, partial(target.receive, self, number, method, message))
        if number in self._calls:
            self._deadlines.add(number, timeout_s)
        return outcome

    def serve(self, method: str, handler: Handler) -> None:
        """See `Peers.serve`."""
        self._handlers.serve(method, handler)

    async def close(self) -> None:
        """See `Peers.close`. To the others it is as if the process had died."""
        if self._network.nodes.get(self._node) is not self:
            return
        del self._network.nodes[self._node]
        self._deadlines.close()
        self.lose(None)
        for peer in self._network.nodes.values():
            peer.lose(self._node)

    def receive(self, caller: "MemoryPeers", number: int, method: str, message: Any) -> None:
        """A request has come."""
        if self._network.nodes.get(self._node) is not self:
            return
        back = partial(self._network.carry, self._node, caller._node)  # noqa: SLF001 - its twin

        def done(answer: Any, error: DomainError | None) -> None:
            back(partial(caller.settle, number, answer, error))

        if not self._handlers.handle(method, message, done):
            back(partial(caller.settle, number, None, PeerUnreachableError(f"{self._node} does not serve {method}")))

    def settle(self, number: int, answer: Any, error: Exception | None) -> None:
        """A call has ended. Late and repeated answers are for nobody."""
        _, outcome = self._calls.pop(number, (None, None))
        if outcome is None or outcome.done():
            return
        if error is None:
            outcome.set_result(answer)
        else:
            outcome.set_exception(error)

    def lose(self, node: str | None) -> None:
        """A node has gone (None: this one): calls to it will not be answered."""
        for number, (target, _) in list(self._calls.items()):
            if node is None or target == node:
                self.settle(number, None, PeerLostError(f"{target} went away"))

    def _expire(self, number: int) -> None:
        self.settle(number, None, TimeoutError("the peer did not answer in time"))
