"""Which partitions this process keeps warm, and when it tries to lead one: rendezvous hashing over the leaders that live.

Only a hint: two processes may disagree for a while, then both claim and the log decides (R12). Nobody claims what a live process
says it leads, heard by this process or by any other: a gray failure, seen by one alone, moves nothing. And a process that few
can talk to is more likely the deaf one: it leaves alone what another one lately wrote.
"""

from stator.model.positions import COMMON_LOGS, Epoch, LogId
from stator.ports.clock import Clock
from stator.rules.placement import COPIES, preference
from stator.runtime.catalog import Catalog
from stator.runtime.membership import SUSPECT_S, Membership

from .leadership import Leadership, State
from .server import LeaderService

LOOK_S = 0.25
TURN_S = 3.0
"""How long each process that is preferred has an orphan to itself, before the next one tries: the first may be alive and yet
unable, by a damaged view or a log out of its reach.
"""

ALONE_S = 10.0
"""How long nobody else may have written to a partition before a process claims it that cannot ask most of the others. Those on the
other side of a cut take it back at once, so this is also how often leadership may change hands over a cut."""


class Assignment:
    """One leader process's part in leading everything."""

    def __init__(
        self, node: str, leaders: LeaderService, membership: Membership, catalog: Catalog, clock: Clock
    ) -> None:
        self._node = node
        self._leaders = leaders
        self._membership = membership
        self._catalog = catalog
        self._clock = clock
        self._began = clock.monotonic()
        self._orphaned_at: dict[LogId, float] = {}

    async def run(self) -> None:
        """Look at every partition again and again, until cancelled: from then on this process takes nothing any more."""
        self._leaders.on_release.append(self._released)
        try:
            while True:
                await self.look()
                await self._clock.sleep(LOOK_S)
        finally:
            self._leaders.on_release.remove(self._released)

    async def look(self) -> None:
        """Open what should be warm here, claim what has no leader and should have this one, forget what is gone."""
        if not self._membership.settled:
            return  # who has heard nobody yet would take everything for its own
        # When all have just been started, who is first leaves the others their share. Later it waits for nobody who is not there.
        starting = self._clock.monotonic() - self._began < TURN_S
        able = self._membership.alive("leader") if starting else self._membership.able("leader")
        wanted = self._logs()
        claimable = []
        for log_id in wanted:
            order = preference(log_id, able)[:COPIES]
            if self._node in order:
                self._leaders.partition(log_id)
                if self._may_claim(log_id, order.index(self._node)):
                    claimable.append(log_id)
        for log_id in set(self._leaders.partitions) - wanted:
            self._leaders.forget(log_id)
            self._orphaned_at.pop(log_id, None)
        if claimable:
            await self._claim(claimable)

    async def _claim(self, log_ids: list[LogId]) -> None:
        hearsay = await self._membership.hearsay(log_ids)
        for log_id in log_ids:
            partition = self._leaders.partitions.get(log_id)
            if log_id in hearsay.led or partition is None or not self._is_orphan(log_id, partition):
                continue
            if hearsay.most or self._clock.monotonic() - partition.other_wrote_at > ALONE_S:
                partition.claim()

    def _released(self, log_id: LogId, epoch: Epoch) -> None:
        """Its leader hands it on, and waits for this: claim it if it is this process's turn."""
        partition = self._leaders.partitions[log_id]
        told = self._membership.epoch(log_id)
        if told > epoch or not self._membership.settled:
            return  # read late: somebody has claimed since
        # Who leaves is known by its Claim; who was started after that, with a view that was past it, has only heard of it.
        leaving = {partition.leader_hint, self._membership.leader(log_id) if told == epoch else None}
        others = [name for name in self._membership.able("leader") if name not in leaving]
        mine = preference(log_id, others)[:1] == [self._node]
        if mine and partition.state is State.FOLLOWING and partition.replica.trusted:
            partition.claim()

    def _may_claim(self, log_id: LogId, turns: int) -> bool:
        """Whether it has no leader, and the `turns` processes before this one have let theirs pass."""
        if not self._is_orphan(log_id, self._leaders.partition(log_id)):
            self._orphaned_at.pop(log_id, None)
            return False
        now = self._clock.monotonic()
        return now - self._orphaned_at.setdefault(log_id, now) >= turns * TURN_S

    def _is_orphan(self, log_id: LogId, partition: Leadership) -> bool:
        # Who claimed just now will be heard to lead before it can be suspected.
        return (
            self._membership.leader(log_id) is None
            and partition.state is State.FOLLOWING
            and partition.replica.trusted
            and self._clock.monotonic() - partition.other_claimed_at > SUSPECT_S
        )

    def _logs(self) -> set[LogId]:
        tables = [held.table for held in self._catalog.tables.values()]
        return {*COMMON_LOGS, *(partition.log_id for table in tables for partition in table.partitions)}
