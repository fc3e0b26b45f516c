"""`make bench`: Stator beside DynamoDB Local, interleaved, and appends to Kafka; results go to docs/benchmarks.md."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.appends import Appends, brokers, measure_appends
from bench.client import Measured, measure, resident_mb, send_all
from bench.report import Idle, Row, markdown
from bench.servers import Server, dynamodb_local, stator
from bench.workload import all_puts, create_table, gets, puts

OPERATIONS: dict[str, Callable[[], Iterator[bytes]]] = {"PutItem": puts, "GetItem": gets}
CONNECTIONS = (1, 16, 64)
IN_FLIGHT = (1, 4)

Place = tuple[str, int]


def main() -> int:
    options = _options()
    with TemporaryDirectory(prefix="stator-bench-") as scratch:
        directory = Path(scratch)
        with (
            stator(directory / "stator", options.port) as ours,
            dynamodb_local(directory / "dynamodb-local", options.port + 1) as peer,
        ):
            idle = [Idle(server.name, server.started_in_s, resident_mb(server.pid)) for server in (ours, peer)]
            for server in (ours, peer):
                send_all(server.port, [create_table(), *all_puts()])
            rows = _rows(ours, peer, options.rounds, options.seconds)
        appends: list[Appends] = []
        if not options.without_kafka:
            with brokers(directory / "kafka", options.port + 10) as bootstrap:
                appends = [measure_appends(bootstrap, in_flight, options.seconds) for in_flight in IN_FLIGHT]
    options.output.write_text(markdown(rows, idle, appends, rounds=options.rounds, seconds=options.seconds))
    print(options.output.read_text())
    return 0


def _rows(ours: Server, peer: Server, rounds: int, seconds: float) -> list[Row]:
    runs: dict[tuple[Place, str], list[Measured]] = {}
    for _ in range(rounds):
        for operation, requests in OPERATIONS.items():
            for connections in CONNECTIONS:
                for server in (ours, peer):
                    measured = measure(server.port, server.pid, requests(), connections, seconds)
                    runs.setdefault(((operation, connections), server.name), []).append(measured)
                    print(f"{server.name:15} {operation} {connections:3} {measured}", file=sys.stderr)
    return [
        Row(operation, connections, *(_medians(runs[(operation, connections), s.name]) for s in (ours, peer)))
        for operation in OPERATIONS
        for connections in CONNECTIONS
    ]


def _medians(runs: list[Measured]) -> Measured:
    return Measured(
        median(run.requests_per_s for run in runs),
        median(run.p50_ms for run in runs),
        median(run.p99_ms for run in runs),
        median(run.cpu_us_per_request for run in runs),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round and place")
    parser.add_argument("--port", type=int, default=18600, help="first of a block of 150 free ports")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--without-kafka", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
