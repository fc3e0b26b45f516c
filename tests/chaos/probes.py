"""Clients that only ask whether writes work: one item each, again and again, so that it shows how long a partition was away."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from tests.chaos.asking import PAUSE_S, Answers, Told, asking
from tests.chaos.registers import put
from tests.raw_connection import Connection

PROBES = 12
"""Enough that each of a table's four partitions very likely has one, and both leaders have some."""


@dataclass
class Probes:
    """Their writes go on while `running`."""

    port: int
    answers: Answers = field(default_factory=Answers)
    _back: dict[int, float] = field(default_factory=dict)
    """When each had its first write acknowledged of those asked for since the last strike."""
    _struck_at: float = float("inf")

    def running(self) -> AbstractContextManager[None]:
        """For the time of a `with`."""
        return asking(self.port, [partial(self._probe, number) for number in range(PROBES)])

    def away_s(self, strike: Callable[[], object], patience_s: float) -> float:
        """Strike, and wait: the seconds until every probe had a write acknowledged that it had asked for after the strike."""
        self._back.clear()
        self._struck_at = struck_at = time.monotonic()
        strike()
        while len(self._back) < PROBES:
            assert time.monotonic() < struck_at + patience_s, f"writes did not come back: {self.answers.counts}"
            time.sleep(PAUSE_S)
        self._struck_at = float("inf")
        return max(self._back.values()) - struck_at

    def _probe(self, number: int, connection: Connection) -> None:
        asked_at = time.monotonic()
        request = put(f"probe-{number}", str(asked_at))
        told, _ = self.answers.ask(connection, request.action, request.parameters)
        if told is Told.DONE and asked_at > self._struck_at:
            self._back.setdefault(number, time.monotonic())
