"""Peers over TCP: one connection to every node that is called, made when first needed, and shared by all calls to it.

No task and no timer per call. A call fails fast when its node cannot be reached: after a failed attempt to connect, calls
fail without another one until the back-off is over.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import Any, NamedTuple, Self

import structlog

from stator.adapters.deadlines import Deadlines
from stator.adapters.peers_frames import FRAME_BYTES_MAX, FrameConnection
from stator.adapters.peers_handlers import Handlers
from stator.adapters.peers_names import Names
from stator.codec.peer_messages import Answer, MalformedMessageError, PeerMessages, Verdict
from stator.model.errors import DomainError, OutcomeUnknownError, StartupError
from stator.ports.peers import Handler, PeerLostError, PeerUnreachableError

log = structlog.get_logger()

Address = tuple[str, int]

_CONNECT_TIMEOUT_S = 1.0
_BACK_OFF_S = 0.05
_BACK_OFF_MAX_S = 1.0


class _Call(NamedTuple):
    method: str
    line: "_Line"
    outcome: "asyncio.Future[Any]"


class SocketPeers:
    """One node's `Peers`. Make it with `listen`."""

    def __init__(self, addresses: Mapping[str, Address], messages: PeerMessages) -> None:
        self.messages = messages
        self._addresses = dict(addresses)
        self._loop = asyncio.get_running_loop()
        self.names = Names()
        self._handlers = Handlers()
        self._numbers = count()
        self._calls: dict[int, _Call] = {}
        self._deadlines = Deadlines(self._loop, self._expire)
        self._lines: dict[str, _Line] = {}
        self._callers: set[FrameConnection] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def listen(cls, host: str, port: int, addresses: Mapping[str, Address], messages: PeerMessages) -> Self:
        """Start serving. `addresses` tells where nodes are, this one included if it calls itself; see `locate`.

        Raises StartupError when the address cannot be listened on.
        """
        peers = cls(addresses, messages)
        try:
            peers._server = await peers._loop.create_server(peers._accept, host, port)
        except OSError as error:
            raise StartupError(f"cannot listen for peers on {host}:{port}: {error.strerror or error}") from error
        return peers

    @property
    def port(self) -> int:
        """Where it listens, if that was left to the system (port 0)."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def locate(self, node: str, address: Address) -> None:
        """A node is at this address from now on. A connection to another address is dropped."""
        if self._addresses.get(node) == address:
            return
        self._addresses[node] = address
        line = self._lines.pop(node, None)
        if line is not None:
            line.drop()

    def call(self, node: str, method: str, message: Any, timeout_s: float) -> "asyncio.Future[Any]":
        """See `Peers.call`."""
        outcome: asyncio.Future[Any] = self._loop.create_future()
        line = self._line(node)
        if line is None or not line.usable():
            outcome.set_exception(PeerUnreachableError(f"{node} cannot be reached"))
            return outcome
        number = next(self._numbers)
        frame = self.messages.request(number, method, message)
        if len(frame) > FRAME_BYTES_MAX:
            outcome.set_exception(PeerUnreachableError(f"{method}: a message of {len(frame)} bytes is too large"))
            return outcome
        self._calls[number] = _Call(method, line, outcome)
        self._deadlines.add(number, timeout_s)
        line.send(number, frame)
        return outcome

    def serve(self, method: str, handler: Handler) -> None:
        """See `Peers.serve`."""
        self._handlers.serve(method, handler)

    async def close(self) -> None:
        """See `Peers.close`."""
        if self._server is not None:
            self._server.close()
        for caller in list(self._callers):
            caller.abort()
        for line in self._lines.values():
            line.drop()
        self._lines.clear()
        self._addresses.clear()
        self._deadlines.close()
        if self._server is not None:
            await self._server.wait_closed()

    # --- calling ------------------------------------------------------------------------------------------

    def _line(self, node: str) -> "_Line | None":
        line = self._lines.get(node)
        if line is None and node in self._addresses:
            line = self._lines[node] = _Line(node, self._addresses[node], self)
        return line

    def on_answer(self, _: FrameConnection, frame: bytes) -> None:
        """A peer has answered. An answer that nobody waits for any more is dropped."""
        answer = self.messages.read_answer(frame)
        call = self._calls.pop(answer.call_id, None)
        if call is None or call.outcome.done():
            return
        error = self._error_of(call, answer)
        if error is not None:
            call.outcome.set_exception(error)
            return
        try:
            call.outcome.set_result(self.messages.answer_of(call.method, answer))
        except MalformedMessageError as malformed:
            log.error("peer_answer_malformed", method=call.method, node=call.line.node, reason=str(malformed))  # noqa: TRY400 its text says all
            call.outcome.set_exception(OutcomeUnknownError("The peer's answer cannot be read"))

    def _error_of(self, call: _Call, answer: Answer) -> Exception | None:
        if answer.verdict is Verdict.FAILED:
            return self.messages.error_of(answer)
        if answer.verdict is Verdict.REFUSED:
            return PeerUnreachableError(f"{call.line.node}: {self.messages.reason_of(answer)}")
        return None

    def lose(self, line: "_Line", unsent: set[int]) -> None:
        """A connection is gone; the calls in `unsent` never got onto it."""
        for number, call in list(self._calls.items()):
            if call.line is line:
                lost = PeerUnreachableError if number in unsent else PeerLostError
                self._fail(number, lost(f"{line.node} went away"))

    def _expire(self, number: int) -> None:
        self._fail(number, TimeoutError("the peer did not answer in time"))

    def _fail(self, number: int, error: Exception) -> None:
        call = self._calls.pop(number, None)
        if call is not None and not call.outcome.done():
            call.outcome.set_exception(error)

    # --- serving ------------------------------------------------------------------------------------------

    def _accept(self) -> FrameConnection:
        caller = FrameConnection(self._on_request, self._callers.discard)
        self._callers.add(caller)
        return caller

    def _on_request(self, caller: FrameConnection, frame: bytes) -> None:
        request = self.messages.read_request(frame)
        number = request.call_id
        try:
            message = self.messages.message_of(request)
        except MalformedMessageError as malformed:
            caller.send(self.messages.refusal(number, str(malformed)))
            return
        if not self._handlers.handle(request.method, message, partial(self._answer, caller, number)):
            caller.send(self.messages.refusal(number, f"{request.method} is not served"))

    def _answer(self, caller: FrameConnection, number: int, answer: Any, error: DomainError | None) -> None:
        if caller.open:
            caller.send(self.messages.answer(number, answer) if error is None else self.messages.failure(number, error))


class _Line:
    """The way to one node: connected, connecting (calls wait), or backing off (calls fail)."""

    def __init__(self, node: str, address: Address, peers: SocketPeers) -> None:
        self.node = node
        self._address = address
        self._peers = peers
        self._loop = asyncio.get_running_loop()
        self._connection: FrameConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: dict[int, bytes] = {}
        self._back_off_s = _BACK_OFF_S
        self._retry_at = 0.0

    def usable(self) -> bool:
        """False while another attempt to connect would be too early."""
        return self._connection is not None or self._connecting is not None or self._loop.time() >= self._retry_at

    def send(self, number: int, frame: bytes) -> None:
        if self._connection is not None:
            self._connection.send(frame)
            return
        self._waiting[number] = frame
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    def drop(self) -> None:
        """Give the connection up; open calls are lost."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.abort()
        self._lost()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                connection = await self._connection_to(*self._address)
        except OSError:
            self._connecting = None
            self._retry_at = self._loop.time() + self._back_off_s
            self._back_off_s = min(2 * self._back_off_s, _BACK_OFF_MAX_S)
            self._lost()
            return
        self._connecting = None
        if not connection.open:
            self._lost()
            return
        self._back_off_s = _BACK_OFF_S
        self._connection = connection
        waiting, self._waiting = self._waiting, {}
        for frame in waiting.values():
            connection.send(frame)

    async def _connection_to(self, host: str, port: int) -> FrameConnection:
        *others, last = await self._peers.names.addresses(host)
        for address in others:
            with contextlib.suppress(OSError):
                return await self._connection_at(address, port)
        return await self._connection_at(last, port)

    async def _connection_at(self, address: str, port: int) -> FrameConnection:
        _, connection = await self._loop.create_connection(
            lambda: FrameConnection(self._peers.on_answer, self._on_lost), address, port
        )
        return connection

    def _on_lost(self, connection: FrameConnection) -> None:
        if connection is self._connection:
            self._lost()

    def _lost(self) -> None:
        self._connection = None
        unsent, self._waiting = set(self._waiting), {}
        self._peers.lose(self, unsent)
