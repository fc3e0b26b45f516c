"""Asks the leader, or a reader, of a partition: finds a node, tries another when that one does not lead or is gone, and gives up
at the deadline. What it knows about places is a hint and corrected by the answers.

One future per request and no task: this is on the path of every PutItem and GetItem.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from stator.model.errors import NotLeaderError, OutcomeUnknownError, ServiceUnavailableError, ViewBehindError
from stator.model.positions import LogId
from stator.ports.peers import PeerLostError, Peers, PeerUnreachableError

DEADLINE_S = 5.0
"""What a request gets in all, attempts included."""

ATTEMPT_S = 2.0
"""How long one node may take for a request that can be sent again: then whoever leads by now is asked. Heartbeats need 1.5 s to
miss a leader that hangs. The same one asked again is not wrong, only more work for it: at most twice within the deadline.
"""

HINT_S = 1.0
"""How long a leader's word about its successor counts for more than the heartbeats, which know it by then. For ever would be
wrong: a node that hangs refuses nothing, so nobody would ever say that it leads no more.
"""

_WRITES = frozenset({"write", "write_many", "transact"})
RETRY_S = 0.05
"""Before somebody is asked again, after an answer that did not help."""

_SWEEP_S = 0.25


class Placement(Protocol):
    """Where to try first."""

    def leader(self, log_id: LogId) -> str | None:
        """The node that should lead a log, or None when nobody is known."""
        ...

    def reader(self, log_id: LogId) -> str | None:
        """A node that has a view of the log; a different one each time, when there are several."""
        ...


@dataclass(slots=True)
class _Asked:
    """A request to a leader, over all its attempts."""

    log_id: LogId
    method: str
    message: Any
    may_write: bool
    repeated: Callable[[], Any] | None
    outer: "asyncio.Future[Any]"
    may_have_been_done: bool = False

    @property
    def repeatable(self) -> bool:
        return not self.may_write or self.repeated is not None

    def lose(self) -> None:
        """An attempt got no answer."""
        if self.repeated is not None and not self.may_have_been_done:
            self.message = self.repeated()
            self.may_have_been_done = True


class PartitionClient:
    """Calls to partitions, by log id."""

    def __init__(self, peers: Peers, placement: Placement, retry_s: float = RETRY_S) -> None:
        self._peers = peers
        self._retry_s = retry_s
        self._placement = placement
        self._hints: dict[LogId, tuple[float, str]] = {}
        self._loop = asyncio.get_running_loop()
        self._deadlines: deque[tuple[float, asyncio.Future[Any], bool]] = deque()
        self._sweeping = False

    def ask_leader(
        self, log_id: LogId, method: str, message: Any, *, repeated: Callable[[], Any] | None = None
    ) -> "asyncio.Future[Any]":
        """Ask whoever leads. A write that got no answer in time ends in OutcomeUnknownError; until then is tried again what
        certainly did not happen, what reads, and what leaders know when they see it again (R18): for that, `repeated` makes the
        message that says that it may have come before.
        """
        may_write = method in _WRITES
        asked = _Asked(log_id, method, message, may_write, repeated, self._loop.create_future())
        self._watch(asked.outer, may_write=may_write)
        self._try_leader(asked)
        return asked.outer

    def ask_reader(
        self, log_id: LogId, method: str, message: Any, at_leader: str | None = None
    ) -> "asyncio.Future[Any]":
        """Ask a process that has a view of the log, which may lag behind.

        `at_leader`: the method by which the leader answers the same, when the view lags behind what the message asks for.
        """
        outer: asyncio.Future[Any] = self._loop.create_future()
        self._watch(outer, may_write=False)
        self._try_reader(log_id, method, message, at_leader, outer)
        return outer

    def _try_leader(self, asked: "_Asked") -> None:
        if asked.outer.done():
            return
        node = self._leader(asked.log_id)
        if node is None:
            self._loop.call_later(self._retry_s, self._try_leader, asked)
            return
        call = self._peers.call(node, asked.method, asked.message, ATTEMPT_S if asked.repeatable else DEADLINE_S)
        _when_done(call, partial(self._leader_answered, asked, node))

    def _leader(self, log_id: LogId) -> str | None:
        if log_id in self._hints:
            until, node = self._hints[log_id]
            if self._loop.time() < until:
                return node
            del self._hints[log_id]
        return self._placement.leader(log_id)

    def _leader_answered(self, asked: "_Asked", node: str, call: "asyncio.Future[Any]") -> None:
        error = None if call.cancelled() else call.exception()
        if call.cancelled() or asked.outer.done():
            return
        if error is None:
            asked.outer.set_result(call.result())
        elif isinstance(error, NotLeaderError) and error.hint is not None and error.hint != node:
            self._hints[asked.log_id] = self._loop.time() + HINT_S, error.hint
            self._try_leader(asked)
        elif isinstance(error, NotLeaderError | PeerUnreachableError):
            self._later(asked)
        elif isinstance(error, PeerLostError | TimeoutError):
            if asked.repeatable:
                asked.lose()
                self._later(asked)
            else:
                self._hints.pop(asked.log_id, None)
                asked.outer.set_exception(OutcomeUnknownError("The partition's leader did not answer"))
        elif isinstance(error, ServiceUnavailableError) and asked.may_have_been_done:
            asked.outer.set_exception(OutcomeUnknownError("The partition's leader did not answer"))
        else:
            asked.outer.set_exception(error)

    def _later(self, asked: "_Asked") -> None:
        self._hints.pop(asked.log_id, None)
        self._loop.call_later(self._retry_s, self._try_leader, asked)

    def _try_reader(
        self, log_id: LogId, method: str, message: Any, at_leader: str | None, outer: "asyncio.Future[Any]"
    ) -> None:
        if outer.done():
            return
        node = self._placement.reader(log_id)
        again = partial(self._try_reader, log_id, method, message, at_leader, outer)
        if node is None:
            self._loop.call_later(self._retry_s, again)
            return
        call = self._peers.call(node, method, message, DEADLINE_S)
        leader = None if at_leader is None else partial(self._read_at_leader, log_id, at_leader, message, outer)
        _when_done(call, partial(self._reader_answered, outer, again, leader))

    def _read_at_leader(self, log_id: LogId, method: str, message: Any, outer: "asyncio.Future[Any]") -> None:
        self._try_leader(_Asked(log_id, method, message, may_write=False, repeated=None, outer=outer))

    def _reader_answered(
        self,
        outer: "asyncio.Future[Any]",
        again: Callable[[], None],
        leader: Callable[[], None] | None,
        call: "asyncio.Future[Any]",
    ) -> None:
        error = None if call.cancelled() else call.exception()
        if call.cancelled() or outer.done():
            return
        if error is None:
            outer.set_result(call.result())
        elif isinstance(error, ViewBehindError) and leader is not None:
            leader()
        elif isinstance(error, PeerLostError | TimeoutError | NotLeaderError | ViewBehindError):
            self._loop.call_later(self._retry_s, again)
        else:
            outer.set_exception(error)

    # --- deadlines: all are equally long, so they end in the order in which they began -------------------------

    def _watch(self, outer: "asyncio.Future[Any]", *, may_write: bool) -> None:
        self._deadlines.append((self._loop.time() + DEADLINE_S, outer, may_write))
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(_SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        # Also behind a request that is stuck: a finished one holds its answer, which may be a megabyte.
        self._deadlines = deque(entry for entry in self._deadlines if not entry[1].done())
        while self._deadlines and self._deadlines[0][0] <= now:
            _, outer, may_write = self._deadlines.popleft()
            if not outer.done():
                outer.set_exception(
                    OutcomeUnknownError("The request was not completed in time")
                    if may_write
                    else ServiceUnavailableError("The request was not completed in time")
                )
        self._sweeping = bool(self._deadlines)
        if self._sweeping:
            self._loop.call_later(_SWEEP_S, self._sweep)


def _when_done(call: "asyncio.Future[Any]", then: Callable[["asyncio.Future[Any]"], None]) -> None:
    # A read that is answered from memory is done already: no need to go through the loop for it.
    if call.done():
        then(call)
    else:
        call.add_done_callback(then)
