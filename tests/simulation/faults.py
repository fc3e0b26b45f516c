"""What goes wrong, drawn from a seed: one fault at a time begins, many may last at once."""

from collections.abc import Callable
from contextvars import Context
from random import Random

from tests.simulation.clock import RATES
from tests.simulation.cluster import Cluster, Machine

KINDS = (
    "crash",
    "crash",
    "crash",
    "pause",
    "pause",
    "part",
    "part",
    "bad_network",
    "bad_log",
    "bad_log",
    "log_away",
    "node_cut_off",
    "bad_archive",
    "clock_set",
    "clock_drift",
    "disk_full",
    "death_at_commit",
    "death_at_commit",
    "old_news",
    "rebalance",
)
TARGETS = ("leader",) * 5 + ("materializer", "gsi", "gsi", "control", "router", "archiver", "restore")
AWAY_S = (3.0, 9.0)
"""How long leaders that were stopped, or estranged, are away."""


class Faults:
    """Strikes a cluster."""

    def __init__(self, cluster: Cluster, dice: Random) -> None:
        self.struck = 0
        self.over = False
        self._cluster = cluster
        self._dice = dice

    def strike(self) -> str:
        """Let one more thing go wrong; what it is, for the trace."""
        self.struck += 1
        kind = self._dice.choice(KINDS)
        return f"{kind} {getattr(self, '_' + kind)()}"

    def stop(self, dice: Random) -> str:
        """Stop a process that may lead, as operators do."""
        self.struck += 1
        machine = dice.choice(self._cluster.of_role("leader"))
        self._cluster.stop(machine, dice.uniform(*AWAY_S))
        return machine.name

    def estrange(self, dice: Random) -> str:
        """Nobody but clients and the log hears a process that may lead, and it hears only clients. Then it may be
        stopped, which does not hear who leads now, or its successor, which has just taken over and is not ready yet.
        """
        self.struck += 1
        machine = dice.choice(self._cluster.of_role("leader"))
        seconds = dice.uniform(*AWAY_S)
        for name in self._cluster.machines:
            if name != machine.name and not name.startswith("router"):
                self._cluster.network.part(name, machine.name, seconds)
                self._cluster.network.part(machine.name, name, seconds)
        self._cluster.weather.deafen(machine.name, seconds)
        other = dice.choice([one for one in self._cluster.of_role("leader") if one is not machine])
        if dice.random() < 0.4:
            return machine.name
        stopped, in_s = dice.choice(((machine, dice.uniform(0.0, 1.5)), (other, dice.uniform(1.5, 4.0))))
        self._later(in_s, lambda: self._cluster.stop(stopped, seconds))
        return f"{machine.name}, and stop {stopped.name} {in_s:.1f} s later"

    def _machine(self) -> Machine:
        return self._dice.choice(self._cluster.of_role(self._dice.choice(TARGETS)))

    def _later(self, seconds: float, undo: Callable[[], object]) -> None:
        def call() -> None:
            if not self.over:
                undo()

        self._cluster.loop.call_later(seconds, call, context=Context())

    def _crash(self) -> str:
        machine = self._machine()
        unsynced = self._dice.random() < 0.5
        self._cluster.crash(machine, unsynced=unsynced)
        self._later(self._dice.uniform(0.05, 8.0), lambda: machine.node is None and self._cluster.start(machine))
        return f"{machine.name} unsynced={unsynced}"

    def _pause(self) -> str:
        machine = self._machine()
        self._cluster.pause(machine)
        self._later(self._dice.uniform(0.5, 10.0), lambda: self._cluster.resume(machine))
        return machine.name

    def _part(self) -> str:
        one, other = self._machine(), self._machine()
        seconds, both_ways = self._dice.uniform(0.5, 10.0), self._dice.random() < 0.5
        self._cluster.network.part(one.name, other.name, seconds)
        if both_ways:
            self._cluster.network.part(other.name, one.name, seconds)
        return f"{one.name} {other.name} both_ways={both_ways}"

    def _bad_network(self) -> str:
        self._cluster.network.trouble = self._dice.choice((0.02, 0.1, 0.4))
        self._later(self._dice.uniform(0.5, 5.0), lambda: setattr(self._cluster.network, "trouble", 0.0))
        return str(self._cluster.network.trouble)

    def _bad_log(self) -> str:
        self._cluster.weather.trouble = self._dice.choice((0.05, 0.2, 0.5))
        self._later(self._dice.uniform(0.5, 8.0), lambda: setattr(self._cluster.weather, "trouble", 0.0))
        return str(self._cluster.weather.trouble)

    def _log_away(self) -> str:
        log_id = self._dice.choice(self._cluster.store.ids())
        self._cluster.weather.away(log_id, self._dice.uniform(0.2, 10.0))
        return str(log_id)

    def _node_cut_off(self) -> str:
        machine = self._machine()
        self._cluster.weather.away(machine.name, self._dice.uniform(0.2, 10.0))
        return machine.name

    def _bad_archive(self) -> str:
        self._cluster.archive_trouble = self._dice.choice((0.1, 0.5, 1.0))
        self._later(self._dice.uniform(0.5, 8.0), lambda: setattr(self._cluster, "archive_trouble", 0.0))
        return str(self._cluster.archive_trouble)

    def _clock_set(self) -> str:
        machine = self._machine()
        machine.clock.step(self._dice.uniform(-2.0, 2.0))
        return machine.name

    def _clock_drift(self) -> str:
        machine = self._machine()
        machine.clock.drift(self._dice.choice((*RATES, self._dice.uniform(*RATES))))
        return machine.name

    def _disk_full(self) -> str:
        machine = self._machine()
        machine.disk.full = True
        self._later(self._dice.uniform(0.2, 8.0), lambda: setattr(machine.disk, "full", False))
        return machine.name

    def _death_at_commit(self) -> str:
        machine, made, unsynced = self._machine(), self._dice.random() < 0.5, self._dice.random() < 0.3
        seconds = self._dice.uniform(0.05, 8.0)

        def die() -> None:
            self._cluster.crash(machine, unsynced=unsynced)
            self._later(seconds, lambda: machine.node is None and self._cluster.start(machine))

        machine.disk.doom(self._dice.randint(1, 20), die, made=made)
        return f"{machine.name} made={made} unsynced={unsynced}"

    def _old_news(self) -> str:
        machine = self._machine()
        self._cluster.weather.tell_old_ends(machine.name, self._cluster.store, self._dice.uniform(0.5, 10.0))
        return machine.name

    def _rebalance(self) -> str:
        self._cluster.index_shift += 1
        return str(self._cluster.index_shift)
