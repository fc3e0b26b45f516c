"""`python -m bench.strong_reads`: what a strong read of a cluster costs by leases, and what by barriers, in one run."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import Measured, RequestRefusedError, measure, send_all
from bench.workload import all_puts, create_table, gets
from tools.cluster import NativeCluster, Ports

WAYS = ("lease", "barrier")
CONNECTIONS = (1, 16)
READY_S = 60.0


def main() -> int:
    """Measure both and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each way and number of connections")
    parser.add_argument("--port", type=int, default=18600, help="first of a block of 151 free ports")
    options = parser.parse_args()
    found: dict[str, list[Measured]] = {}
    with TemporaryDirectory(prefix="stator-bench-") as scratch:
        for way in WAYS:
            found[way] = _measured(Path(scratch), Ports(options.port, options.port + 150), way, options.seconds)
    for way, runs in found.items():
        for connections, run in zip(CONNECTIONS, runs, strict=True):
            told = f"{run.requests_per_s:,.0f} a second, p50 {run.p50_ms:.2f} ms, p99 {run.p99_ms:.2f} ms"
            sys.stdout.write(f"{way}, {connections} connections: {told}\n")
    return 0


def _measured(directory: Path, ports: Ports, way: str, seconds: float) -> list[Measured]:
    """Start the cluster with strong reads going that way, read, and stop it; its data stay."""
    cluster = NativeCluster(directory, ports)
    variables = {"STATOR_STRONG_READS": way}
    cluster.specs = [replace(spec, environment=spec.environment | variables) for spec in cluster.specs]
    try:
        cluster.start(leash=True)
        cluster.wait_ready()
        send_all(ports.api, [create_table()] if way == WAYS[0] else [])
        _fill(ports.api)
        router = cluster.pid("router-1")
        assert router is not None
        return [measure(ports.api, router, gets(), connections, seconds) for connections in CONNECTIONS]
    finally:
        cluster.stop()


def _fill(port: int) -> None:
    """Write all items, once the table is there and led."""
    until = time.monotonic() + READY_S
    while True:
        try:
            send_all(port, [*all_puts()])
        except RequestRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
