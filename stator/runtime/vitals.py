"""What a process can tell about itself to whoever runs it: is it well, what does it count, where does it stand."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from stator.ports.clock import Clock
from stator.rules.reports import Place, Report
from stator.runtime.health import Health
from stator.runtime.meters import Meters, Reading
from stator.runtime.metric_names import DISK_FREE, DISK_TOTAL
from stator.runtime.version import version

DISK_FREE_PARTS = 20
"""Less than one part in so many free is worth a warning: LMDB needs room to commit, Kafka and S3 rarely do better."""

Status = Callable[[], Awaitable[Any]]
"""What `/status` answers: anything msgspec can encode."""


class Vitals:
    """One process's. `node` is its name and `role` what it does, both as the cluster's settings name them; `data` is where it
    keeps its files.
    """

    def __init__(self, node: str, role: str, clock: Clock, data: Path) -> None:
        self.node = node
        self.role = role
        self.health = Health()
        self.meters = Meters()
        self.places: list[Callable[[], Iterable[Place]]] = []
        """Asked for where this process stands with its logs."""
        self.refreshers: list[Callable[[], Awaitable[None]]] = []
        """Called before numbers are shown, for those that must be asked for elsewhere."""
        self.status: Status = self.report
        self._clock = clock
        self._data = data
        self.health.cares("the disk", self._check_disk)
        self.health.cares("logs and views", self._check_places)
        self.meters.gauge(DISK_FREE, lambda: [Reading((), self._disk()[0])])
        self.meters.gauge(DISK_TOTAL, lambda: [Reading((), self._disk()[1])])

    def standing(self) -> list[Place]:
        """Where this process stands with each of its logs."""
        return [place for tell in self.places for place in tell()]

    async def report(self) -> Report:
        """Everything that others may want to know."""
        verdict = await self.health.verdict()
        free, total = self._disk()
        return Report(
            node=self.node,
            role=self.role,
            version=version(),
            now_us=self._clock.now_us(),
            ready=verdict.ready,
            reasons=verdict.reasons,
            warnings=verdict.warnings,
            data=str(self._data.absolute()),
            disk_free=free,
            disk_total=total,
            places=self.standing(),
        )

    async def refresh(self) -> None:
        """Bring up to date what `meters` shows."""
        await asyncio.gather(*(refresh() for refresh in self.refreshers))

    def _disk(self) -> tuple[int, int]:
        try:
            usage = shutil.disk_usage(self._data)
        except OSError:  # not there yet
            return 0, 0
        return usage.free, usage.total

    async def _check_disk(self) -> list[str]:
        free, total = self._disk()
        if total and free * DISK_FREE_PARTS < total:
            return [f"the disk under {self._data} is nearly full: {free >> 20} MiB of {total >> 20} MiB are free"]
        return []

    async def _check_places(self) -> list[str]:
        return [
            f"log {place.log_id} ({place.duty}) does not check: {place.problem}. "
            + (
                "The view is being made anew from the log"
                if place.rebuilding
                else "If no other process says so, stop this one and delete its views: they are made again from the log"
            )
            for place in self.standing()
            if place.problem
        ]
