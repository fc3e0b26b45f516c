"""Planned moves of leadership: whoever should lead a partition, by rendezvous hashing, asks the one that does to hand it over.

Failovers leave partitions where they fell; once everybody is back this evens the load out again. Not to break: no client meets an
error by it, and no partition is passed to and fro. So nothing moves until all has been calm for a while, nothing to a process
that would first have to read, and only one partition at a time.
"""

from collections.abc import Iterable
from typing import Any

import structlog

from stator.model.errors import DomainError
from stator.model.positions import LogId
from stator.ports.clock import Clock
from stator.ports.peers import PeerLostError, Peers
from stator.rules.commands import HandedOver, HandOver
from stator.rules.placement import preference
from stator.runtime.lifecycle import Tasks
from stator.runtime.membership import Membership
from stator.runtime.meters import Meters
from stator.runtime.metric_names import HAND_OVERS

from .leadership import DRAIN_S, QUICK_S, SUCCESSION_S, Leadership, State
from .server import LeaderService

_log = structlog.get_logger()

CALM_S = 10.0
"""How long the same processes have been able to lead, and a partition has been led as it is, before it moves. Many times what a
failover takes; what comes and goes faster moves nothing."""

AGAIN_S = 6 * CALM_S
"""How long nobody asks again for a partition that was asked for, whatever came of it: an asker that cannot claim what it is handed,
or a leader that cannot hand it on, costs clients a wait each time."""

PAUSE_S = 0.5
"""Between two looks, and so between two moves to one process."""

BEHIND_MAX = 100
"""Records that the one who asks may have to read yet: some milliseconds, in which requests wait."""

ANSWER_S = QUICK_S + DRAIN_S + SUCCESSION_S + 1.0


class Moves:
    """One process's part in it, as the one that asks and as the one that is asked."""

    def __init__(
        self,
        node: str,
        leaders: LeaderService,
        membership: Membership,
        peers: Peers,
        clock: Clock,
        tasks: Tasks,
        *,
        calm_s: float = CALM_S,
        meters: Meters | None = None,
    ) -> None:
        self._node = node
        self._leaders = leaders
        self._membership = membership
        self._peers = peers
        self._clock = clock
        self._tasks = tasks
        self._calm_s = calm_s
        self._again_s = calm_s * AGAIN_S / CALM_S
        self._moved = (meters or Meters()).counter(HAND_OVERS)
        self._able: list[str] = []
        self._able_since = clock.monotonic()
        self._asked_at: dict[LogId, float] = {}
        self._handing_over = False
        peers.serve("hand_over", self._answer)

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.look()
            await self._clock.sleep(PAUSE_S)

    async def look(self) -> None:
        """Ask for one partition that should be led here, if there is one and all is calm."""
        now = self._clock.monotonic()
        able = self._membership.able("leader")
        if able != self._able:
            self._able, self._able_since = able, now
        if now - self._able_since < self._calm_s:
            return
        self._asked_at = {log_id: at for log_id, at in self._asked_at.items() if now - at < self._again_s}
        for log_id, partition in self._leaders.partitions.items():
            leader = self._membership.leader(log_id)
            if leader not in {None, self._node} and self._should_come(log_id, partition, able):
                self._asked_at[log_id] = now
                await self._ask(str(leader), log_id, partition)
                return

    def _should_come(self, log_id: LogId, partition: Leadership, able: Iterable[str]) -> bool:
        return (
            log_id not in self._asked_at
            and partition.state is State.FOLLOWING
            and partition.replica.trusted
            and self._clock.monotonic() - partition.other_claimed_at >= self._calm_s
            and preference(log_id, able)[:1] == [self._node]
        )

    async def _ask(self, leader: str, log_id: LogId, partition: Leadership) -> None:
        request = HandOver(log_id, self._node, partition.replica.position.next_offset)
        try:
            answer = await self._peers.call(leader, "hand_over", request, ANSWER_S)
        except (DomainError, PeerLostError, TimeoutError) as error:
            _log.info("hand_over_failed", log_id=log_id, leader=leader, reason=str(error))
        else:
            _log.info("hand_over_asked", log_id=log_id, leader=leader, moved=answer.moved)

    # --- being asked -----------------------------------------------------------------------------------------

    def _answer(self, request: HandOver) -> Any:
        partition = self._leaders.partitions.get(LogId(request.log_id))
        if partition is None or self._handing_over or not self._agrees(request, partition):
            return HandedOver(moved=False)
        self._handing_over = True
        return self._tasks.request(f"hand-over-{request.log_id}", self._hand_over(partition))

    def _agrees(self, request: HandOver, partition: Leadership) -> bool:
        able = self._membership.able("leader")
        return (
            partition.state is State.LEADING
            and self._clock.monotonic() - partition.leading_since >= self._calm_s
            and preference(LogId(request.log_id), able)[:1] == [request.node]
            and request.node != self._node
            and partition.replica.position.next_offset - request.next_offset <= BEHIND_MAX
        )

    async def _hand_over(self, partition: Leadership) -> HandedOver:
        try:
            moved = await partition.hand_over()
        finally:
            self._handing_over = False
        self._moved.add(moved)
        return HandedOver(moved)
