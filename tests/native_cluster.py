"""A whole cluster of real processes for tests: start it once, break it, heal it, and find out who leads.

One thing must not break: `heal` leaves everything running, whatever a test did before it failed, for the next test starts there.
Tables go when the tests do that made them: fifteen processes follow the logs of each, and the machine has two cores.
"""

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import msgspec

from services.cli.status_client import fetch_status
from tests.client_load import dynamodb
from tests.clocks import OwnClock, can_be_stepped
from tests.servers import free_ports
from tools.cluster import NativeCluster

LEADERS = ("leader-1", "leader-2")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
HEAL_S = 90.0  # brokers recover their logs before they serve; the tests' machine has two cores


@dataclass
class BreakableCluster:
    """The supervisor's view of the cluster, in the words of a chaos test."""

    native: NativeCluster
    clocks: dict[str, OwnClock] = field(default_factory=dict)
    """Of the processes that have one of their own."""
    _paused: dict[str, int] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.native.ports.api}"

    @property
    def services(self) -> list[str]:
        """Names of all service processes: everything but brokers and object store."""
        return [spec.name for spec in self.native.specs if spec.tier > 0]

    def take_down(self, *names: str) -> None:
        """SIGKILL; they stay away until `bring_back` or `heal`."""
        for name in names:
            self.native.hold(name)
        for name in names:
            self.native.kill(name)

    def bring_back(self, *names: str) -> None:
        """Start what was taken down; returns when it serves."""
        for name in names:
            self.native.release(name)
        self.native.wait_serving(HEAL_S, *names)

    def pause(self, name: str) -> None:
        """SIGSTOP: it knows nothing of it and believes, when it goes on, that no time has passed."""
        pid = self.native.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        self._paused[name] = pid

    def resume(self, name: str) -> None:
        """SIGCONT."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._paused.pop(name), signal.SIGCONT)

    def heal(self) -> None:
        """Everything runs and serves again."""
        for name in list(self._paused):
            self.resume(name)
        for clock in self.clocks.values():
            clock.step(0.0)
        names = [spec.name for spec in self.native.specs]
        self.bring_back(*names)

    @contextmanager
    def borrowed(self) -> Iterator[Self]:
        """For the time of a `with`; it is given back whole, and without the tables that were made meanwhile."""
        before = self._tables()
        try:
            yield self
        finally:
            self.heal()
            self._drop(self._tables() - before)

    def _tables(self) -> set[str]:
        with dynamodb(self.endpoint, attempts=10) as client:
            pages = client.get_paginator("list_tables").paginate()
            return {name for page in pages for name in page["TableNames"]}

    def _drop(self, tables: Iterable[str]) -> None:
        with dynamodb(self.endpoint, attempts=10) as client:
            for table in tables:
                # Another deletion was faster, or the table is still being made: then it stays.
                with contextlib.suppress(
                    client.exceptions.ResourceNotFoundException, client.exceptions.ResourceInUseException
                ):
                    client.delete_table(TableName=table)

    def leaders_of(self, table: str) -> list[str | None]:
        """Who leads each of a table's partitions, as `stator status` has it."""
        (found,) = (one for one in fetch_status(self.endpoint, None).tables if one.name == table)
        return [partition.leader for partition in found.partitions]

    def leaders(self) -> dict[int, str]:
        """Log id to the process that said last, with the highest epoch, that it leads it. Read from what they logged."""
        epochs: dict[int, tuple[int, str]] = {}
        for name in LEADERS:
            for event in self.events(name, "leading"):
                claimed = (event["epoch"], name)
                epochs[event["log_id"]] = max(claimed, epochs.get(event["log_id"], claimed))
        return {log_id: name for log_id, (_, name) in epochs.items()}

    def events(self, name: str, event: str) -> Iterable[dict[str, int]]:
        """What a process logged under an event's name."""
        for line in (self.native.directory / "logs" / f"{name}.log").read_bytes().splitlines():
            with contextlib.suppress(msgspec.DecodeError):
                told = msgspec.json.decode(line)
                if isinstance(told, dict) and told.get("event") == event:
                    yield told


@contextmanager
def running_cluster(directory: Path, *, own_clocks: bool = False) -> Iterator[BreakableCluster]:
    """A whole cluster for the time of a `with`, on ports of its own. `own_clocks`: each leader has one, where that is possible."""
    native = NativeCluster(directory, free_ports())
    names = LEADERS if own_clocks and can_be_stepped() else ()
    clocks = {name: OwnClock(directory / "clocks" / name) for name in names}
    native.specs = [
        replace(spec, environment=spec.environment | clocks[spec.name].environment) if spec.name in clocks else spec
        for spec in native.specs
    ]
    try:
        native.start(leash=True)
        native.wait_ready()
        yield BreakableCluster(native, clocks)
    finally:
        native.stop()
