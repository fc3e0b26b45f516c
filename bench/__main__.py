"""`make bench`: Stator beside DynamoDB Local, and appends to Kafka; results go to docs/benchmarks.md and a chart beside it."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.appends import Appends, brokers, measure_appends
from bench.chart import chart
from bench.client import resident_mb, send_all
from bench.matrix import measure_matrix
from bench.report import CHART, Idle, markdown
from bench.resting import Resting, measure_resting
from bench.servers import dynamodb_local, stator
from bench.workload import all_puts, create_table

IN_FLIGHT = (1, 4)


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
            rows = measure_matrix(ours, peer, options.rounds, options.seconds)
        appends: list[Appends] = []
        resting: list[Resting] = []
        if not options.without_kafka:
            with brokers(directory / "kafka", options.port + 10) as bootstrap:
                appends = [measure_appends(bootstrap, in_flight, options.seconds) for in_flight in IN_FLIGHT]
            resting = list(measure_resting(directory / "cluster", options.port + 150))
    options.output.write_text(markdown(rows, idle, appends, resting, rounds=options.rounds, seconds=options.seconds))
    options.output.with_name(CHART).write_text(chart(rows))
    print(options.output.read_text())
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round and place")
    parser.add_argument("--port", type=int, default=18600, help="first of 300 free ports")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--without-kafka", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
