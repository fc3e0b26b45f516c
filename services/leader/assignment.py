"""Which partitions this process keeps warm, and when it tries to lead one: rendezvous hashing over the leaders that live.

Only a hint: two processes may disagree for a while, then both claim and the log decides (R12). Nobody claims what a live process
says it leads.
"""

from stator.model.positions import CATALOG_LOG, LogId
from stator.ports.clock import Clock
from stator.rules.placement import COPIES, preference
from stator.runtime.catalog import Catalog
from stator.runtime.membership import Membership

from .leadership import State
from .server import LeaderService

LOOK_S = 0.25


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

    async def run(self) -> None:
        """Look at every partition again and again, for ever."""
        while True:
            self.look()
            await self._clock.sleep(LOOK_S)

    def look(self) -> None:
        """Open what should be warm here, claim what has no leader and should have this one, forget what is gone."""
        if not self._membership.settled:
            return  # who has heard nobody yet would take everything for its own
        alive = self._membership.alive("leader")
        wanted = self._logs()
        for log_id in wanted:
            order = preference(log_id, alive)
            if self._node in order[:COPIES]:
                partition = self._leaders.partition(log_id)
                orphan = self._membership.leader(log_id) is None
                if (
                    orphan
                    and order[0] == self._node
                    and partition.state is State.FOLLOWING
                    and not partition.replica.damaged
                ):
                    partition.claim()
        for log_id in set(self._leaders.partitions) - wanted:
            self._leaders.forget(log_id)

    def _logs(self) -> set[LogId]:
        tables = [held.table for held in self._catalog.tables.values()]
        return {CATALOG_LOG, *(partition.log_id for table in tables for partition in table.partitions)}
