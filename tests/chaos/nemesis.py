"""Strikes a cluster by a timetable and writes down what it did to whom, one JSON line each."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.chaos.small_disk import SmallDisk
from tests.chaos.timetable import LEADERS, LEADING, Fault, Kind
from tests.native_cluster import BreakableCluster

STEP_S = 5.0
"""How far a clock is put ahead, or back the next time, and then right again. Only timestamps in the log may depend on it."""


@dataclass
class Nemesis:
    """For one run. Where disks cannot be filled (`disk` is None) or clocks not be stepped, the process is killed instead."""

    cluster: BreakableCluster
    disk: SmallDisk | None
    log: Path
    struck: list[Kind] = field(default_factory=list)
    _ends: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def play(self, faults: list[Fault]) -> None:
        """Return when the last fault has ended. Processes may still be coming up."""
        for fault in faults:
            self._end_until(fault.at_s)
            self._strike(fault)
        self._end_until(max(ends_s for ends_s, _, _ in self._ends))

    def _strike(self, fault: Fault) -> None:
        name = self._leading() if fault.target == LEADING else fault.target
        kind = fault.kind if self._can(fault.kind) else Kind.KILL
        end = getattr(self, f"_{kind.name.lower()}")(name)
        self._ends.append((fault.ends_s, f"end: {kind.value} {name}", end))
        self.struck.append(kind)
        self._tell(f"{kind.value} {name} for {fault.lasts_s:.1f} s")

    def _can(self, kind: Kind) -> bool:
        match kind:
            case Kind.FILL_DISK:
                return self.disk is not None
            case Kind.STEP_CLOCK:
                return bool(self.cluster.clocks)
            case _:
                return True

    def _leading(self) -> str:
        led = list(self.cluster.leaders().values())
        return max(LEADERS, key=led.count)

    def _kill(self, name: str) -> Callable[[], None]:
        self.cluster.take_down(name)
        return lambda: self.cluster.native.release(name)

    def _stop(self, name: str) -> Callable[[], None]:
        self.cluster.native.hold(name)
        if (pid := self.cluster.native.pid(name)) is not None:
            os.kill(pid, signal.SIGTERM)
        return lambda: self.cluster.native.release(name)

    def _freeze(self, name: str) -> Callable[[], None]:
        if self.cluster.native.pid(name) is None:
            return lambda: None  # it is just being started again
        self.cluster.pause(name)
        return lambda: self.cluster.resume(name)

    def _fill_disk(self, _name: str) -> Callable[[], None]:
        assert self.disk is not None
        self.disk.fill()
        return self.disk.empty

    def _step_clock(self, name: str) -> Callable[[], None]:
        clock = self.cluster.clocks[name]
        clock.step(STEP_S if self.struck.count(Kind.STEP_CLOCK) % 2 == 0 else -STEP_S)
        return lambda: clock.step(0.0)

    def _end_until(self, at_s: float) -> None:
        while self._ends and min(ends_s for ends_s, _, _ in self._ends) <= at_s:
            first = min(self._ends, key=lambda end: end[0])
            self._ends.remove(first)
            ends_s, what, end = first
            self._sleep_until(ends_s)
            end()
            self._tell(what)
        self._sleep_until(at_s)

    def _sleep_until(self, at_s: float) -> None:
        time.sleep(max(0.0, self._began + at_s - time.monotonic()))

    def _tell(self, what: str) -> None:
        line = {"s": round(time.monotonic() - self._began, 3), "what": what}
        with self.log.open("ab") as log:
            log.write(msgspec.json.encode(line) + b"\n")
