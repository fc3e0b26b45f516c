"""Adds the items of views up again, now and then: what a disk or a bug made of them behind the replica's back is found here.

A stamp compares what a view believes with what the log says; this compares what the view holds with what it believes. It takes
its time: a sweep reads everything, while whoever writes and reads the view goes on.
"""

from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from stator.model.errors import DamagedDataError, DivergedError
from stator.model.positions import LogId
from stator.ports.clock import Clock
from stator.runtime.replica import Replica
from stator.runtime.totals import Totals

_log = structlog.get_logger()

EVERY_S = 3_600.0
"""From the end of one sweep of a view to the next. Soon after a start each view has its first."""
LOOK_S = 5.0
ITEMS_PER_TURN = 256
"""A millisecond or so."""
REST = 19
"""Times what a turn took: a sweep takes a twentieth of a core. A gigabyte of small items is done in a few minutes; longer than
that, the space that changes set free in the view would be missed."""


class ViewSweep:
    """`run` it as a task, over all views of a process that `replicas` names."""

    def __init__(
        self,
        replicas: Callable[[], Iterable[Replica]],
        clock: Clock,
        *,
        every_s: float = EVERY_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._replicas = replicas
        self._clock = clock
        self._every_s = every_s
        self._look_s = look_s
        self._due: dict[LogId, float] = {}

    async def run(self) -> None:
        """Look for views that are due, for ever."""
        while True:
            await self._clock.sleep(self._look_s)
            replicas = {replica.log_id: replica for replica in self._replicas()}
            self._due = {log_id: self._due.get(log_id, 0.0) for log_id in replicas}
            for log_id, replica in replicas.items():
                if replica.trusted and self._clock.monotonic() >= self._due[log_id]:
                    await self.sweep(replica)
                    self._due[log_id] = self._clock.monotonic() + self._every_s

    async def sweep(self, replica: Replica) -> None:
        """Add one view up, and tell its replica if it is not what it believes to be."""
        rebuilds = replica.rebuilds
        try:
            wrong = await self._add_up(replica)
        except DamagedDataError as error:
            wrong = error.message
        except OSError as error:  # also a view that was closed or made anew meanwhile
            _log.warning("sweep_put_off", log_id=replica.log_id, reason=str(error))
            return
        if wrong and replica.rebuilds == rebuilds:
            replica.distrust(DivergedError(f"log {replica.log_id}: the view holds {wrong}"))

    async def _add_up(self, replica: Replica) -> str:
        totals = Totals()
        with replica.view.snapshot() as (position, items):
            began = self._clock.monotonic()
            while turn := list(islice(items, ITEMS_PER_TURN)):
                for key, item in turn:
                    totals.add(key, item.image)
                await self._clock.sleep((self._clock.monotonic() - began) * REST)
                began = self._clock.monotonic()
        return totals.contradict(position)
