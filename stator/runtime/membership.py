"""Who is alive and who leads what, as far as this process has heard: heartbeats between all processes.

Every 300 ms each process tells every other that it lives and which logs it leads; one not heard for 1.5 s is suspected, and at once
if its machine says that nobody listens there any more.
Whoever suspects a leader asks the others before it claims: a link that is down, or an ear that is deaf, is no dead leader.
All of this is a hint. It decides who tries to claim and where a router tries first, never who may write (protocol R12).
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from math import inf

from stator.model.positions import LogId
from stator.ports.clock import Clock
from stator.ports.peers import Peers, PeerUnreachableError
from stator.rules.commands import Alive, HeardLeaders, Heartbeat, WhoLeads

HEARTBEAT_S = 0.3
SUSPECT_S = 1.5
MISSED_S = 1.5 * HEARTBEAT_S
"""After which a heartbeat is missed: of a process that cannot be reached either, that is enough."""
ASK_S = HEARTBEAT_S
"""How long the others have to say whom they hear. Part of every failover in which some process hangs: keep it small."""


@dataclass(frozen=True, slots=True)
class Hearsay:
    """The logs whose leader some other process hears, and whether `most` of all processes had their say, this one included."""

    led: frozenset[LogId]
    most: bool


class Membership:
    """This process's picture of the others. `members` maps node name to role and is fixed at start."""

    def __init__(
        self,
        node: str,
        members: dict[str, str],
        peers: Peers,
        clock: Clock,
        leads: Callable[[], dict[int, int]],
    ) -> None:
        self._node = node
        self._members = members
        self._peers = peers
        self._clock = clock
        self._leads = leads
        self._heard: dict[str, float] = {}
        self._settled: set[str] = set()
        self._leaders: dict[LogId, tuple[int, str]] = {}
        self._started = clock.monotonic()
        peers.serve("heartbeat", self._receive)
        peers.serve("who_leads", self._heard_leaders)

    def alive(self, role: str) -> list[str]:
        """Names of the processes of a role that have been heard lately, this one included, sorted."""
        return sorted(name for name, its_role in self._members.items() if its_role == role and self._lives(name))

    def able(self, role: str) -> list[str]:
        """Those of them that are settled, sorted: one that has just been started leaves it to others to claim."""
        return [name for name in self.alive(role) if name in self._settled]

    def leader(self, log_id: LogId) -> str | None:
        """The live node that said last, with the highest epoch, that it leads the log."""
        epoch_node = self._leaders.get(log_id)
        if epoch_node is None or not self._lives(epoch_node[1]):
            return None
        return epoch_node[1]

    def epoch(self, log_id: LogId) -> int:
        """The highest epoch in which somebody said that it leads the log; 0 if nobody did."""
        return self._leaders.get(log_id, (0, ""))[0]

    async def hearsay(self, log_ids: Iterable[LogId]) -> Hearsay:
        """Ask all others whom they hear leading these logs. Who does not answer in time hears nobody."""
        question = WhoLeads([*log_ids])
        others = [name for name in self._members if name != self._node]
        calls = [self._peers.call(name, "who_leads", question, ASK_S) for name in others]
        asked = await asyncio.gather(*calls, return_exceptions=True)
        answers = [answer for answer in asked if isinstance(answer, HeardLeaders)]
        led = frozenset(LogId(log_id) for answer in answers for log_id in answer.nodes)
        return Hearsay(led, most=2 * (len(answers) + 1) > len(self._members))

    @property
    def settled(self) -> bool:
        """Whether this process has listened for long enough to say that somebody is not there."""
        return self._clock.monotonic() - self._started > SUSPECT_S

    async def run(self) -> None:
        """Tell everybody, for ever."""
        while True:
            message = Heartbeat(self._node, self._leads(), self.settled)
            self._learn(message)
            for name in self._members:
                if name != self._node:
                    call = self._peers.call(name, "heartbeat", message, HEARTBEAT_S * 2)
                    call.add_done_callback(partial(self._told, name))
            await self._sleep()

    async def _sleep(self) -> None:
        asleep_at = self._clock.monotonic()
        await self._clock.sleep(HEARTBEAT_S)
        now = self._clock.monotonic()
        late_s = now - asleep_at - HEARTBEAT_S
        if late_s > HEARTBEAT_S:
            # For that long this process was frozen, or starved of CPU: others were not silent, it did not listen.
            self._heard = {name: min(now, heard + late_s) for name, heard in self._heard.items()}

    def _receive(self, message: Heartbeat) -> Alive:
        self._learn(message)
        return Alive()

    def _told(self, name: str, call: "asyncio.Future[Alive]") -> None:
        # That a heartbeat got no answer means nothing. But where nobody listens any more, and nothing is heard either, a process
        # has died: there is no point in waiting for the rest of the time that a silence takes to be suspicious.
        nobody_there = not call.cancelled() and isinstance(call.exception(), PeerUnreachableError)
        if nobody_there and self._clock.monotonic() - self._heard.get(name, -inf) > MISSED_S:
            self._heard.pop(name, None)

    def _heard_leaders(self, question: WhoLeads) -> HeardLeaders:
        heard = {log_id: self.leader(LogId(log_id)) for log_id in question.log_ids}
        return HeardLeaders({log_id: node for log_id, node in heard.items() if node is not None})

    def _learn(self, message: Heartbeat) -> None:
        self._heard[message.node] = self._clock.monotonic()
        (self._settled.add if message.settled else self._settled.discard)(message.node)
        for led, (_, node) in list(self._leaders.items()):
            if node == message.node and led not in message.leads:
                del self._leaders[led]
        for log_id, epoch in message.leads.items():
            known = self._leaders.get(LogId(log_id))
            if known is None or epoch >= known[0]:
                self._leaders[LogId(log_id)] = (epoch, message.node)

    def _lives(self, name: str) -> bool:
        if name == self._node:
            return True
        heard = self._heard.get(name)
        return heard is not None and self._clock.monotonic() - heard <= SUSPECT_S
