"""What is measured: each operation over each number of connections, both servers in turns, several rounds.

The two servers take turns within a round, so that what else the machine does meets both; a round's ratio compares neighbours in
time, and how far the rounds' ratios lie apart says how much the median is worth.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from bench.client import Measured, measure
from bench.servers import Server
from bench.workload import batch_writes, gets, mixed, puts, queries, updates

OPERATIONS: dict[str, Callable[[], Iterator[bytes]]] = {
    "PutItem": puts,
    "GetItem": gets,
    "Query": queries,
    "UpdateItem": updates,
    "50 % put, 50 % get": mixed,
    "BatchWriteItem of 25": batch_writes,
}
CONNECTIONS = (1, 16, 64)


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the least and the most of what it is the median of."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """One operation over one number of connections: of each round, what Stator did and what its peer did."""

    operation: str
    connections: int
    rounds: tuple[tuple[Measured, Measured], ...]

    def stator(self, figure: Callable[[Measured], float]) -> Spread:
        return Spread.of([figure(ours) for ours, _ in self.rounds])

    def peer(self, figure: Callable[[Measured], float]) -> Spread:
        return Spread.of([figure(theirs) for _, theirs in self.rounds])

    @property
    def ratio(self) -> Spread:
        """How many times the peer's requests a second Stator answers."""
        return Spread.of([ours.requests_per_s / theirs.requests_per_s for ours, theirs in self.rounds])


def measure_matrix(ours: Server, peer: Server, rounds: int, seconds: float) -> list[Row]:
    """All rows. Takes some 36 times `rounds` times `seconds`."""
    runs: dict[tuple[str, int], list[tuple[Measured, Measured]]] = {}
    for number in range(rounds):
        for operation, requests in OPERATIONS.items():
            for connections in CONNECTIONS:
                pair = tuple(
                    measure(server.port, server.pid, requests(), connections, seconds) for server in (ours, peer)
                )
                runs.setdefault((operation, connections), []).append((pair[0], pair[1]))
                rates = " against ".join(f"{one.requests_per_s:,.0f}/s" for one in pair)
                print(f"round {number + 1}: {operation}, {connections} connections: {rates}", file=sys.stderr)
    return [Row(operation, connections, tuple(pairs)) for (operation, connections), pairs in runs.items()]
