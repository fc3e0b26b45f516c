"""A whole Stator cluster on this machine, every server and service a process of its own: `make cluster`.

Used as a library by the tests of failures (NativeCluster), so that chaos runs against what users start.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stator.runtime.settings import default_admin_port
from tools.brokers import BROKERS, bootstrap_servers, broker_specs
from tools.object_store import minio_spec
from tools.supervised import ROOT, ServersUnavailable, SupervisedProcesses
from tools.supervisor import ProcessSpec

SERVICES: Mapping[str, int] = {
    "control": 2,
    "leader": 2,
    "materializer": 2,
    "router": 1,
    "gsi": 1,
    "streams": 1,
    "archiver": 1,
    "restore": 1,
}
BASE_PORT, API_PORT = 19000, 8000
READY_S = 120.0
ACCESS_KEY, SECRET_KEY, BUCKET = "stator", "stator-native", "stator"  # a MinIO on the loopback interface only


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a cluster listens: a block of 150 ports from `base` on, and the API with its router's admin port.

    Keep `base` below the system's ephemeral range: a restarted process must find its port free.
    """

    base: int = BASE_PORT
    api: int = API_PORT

    @property
    def minio(self) -> int:
        """The object store."""
        return self.base

    @property
    def kafka(self) -> list[int]:
        """The brokers' client ports."""
        return [self.base + 92 + i for i in range(BROKERS)]

    @property
    def controllers(self) -> list[int]:
        """The brokers' controller ports."""
        return [self.base + 95 + i for i in range(BROKERS)]

    def peer(self, index: int) -> int:
        """Port number `index` (from 0) for messages between services."""
        return self.base + 100 + index

    def admin(self, service: str, index: int) -> int:
        """Port for health and numbers of service number `index` (from 0); the router's is where `stator status` looks."""
        return default_admin_port(self.api) if service == "router" else self.base + 125 + index


class NativeCluster(SupervisedProcesses):
    """Brokers, object store and services in one directory; data survives `stop` and the next `start`."""

    def __init__(self, directory: Path, ports: Ports, services: Mapping[str, int] = SERVICES) -> None:
        """Prepare a cluster with `services` (name → number of processes); nothing runs before `start`."""
        self.ports = ports
        ground = [
            *broker_specs(directory, ports.kafka, ports.controllers),
            minio_spec(directory, ports.minio, access_key=ACCESS_KEY, secret_key=SECRET_KEY, bucket=BUCKET),
        ]
        super().__init__(directory, ground + _service_specs(directory, ports, services))

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Wait until the API answers `GET /` with 200."""
        self.wait_serving(timeout_s, "router-1")


def _service_specs(directory: Path, ports: Ports, services: Mapping[str, int]) -> list[ProcessSpec]:
    names = [(service, f"{service}-{n}") for service, count in services.items() for n in range(1, count + 1)]
    listen = {name: f"127.0.0.1:{ports.peer(index)}" for index, (_, name) in enumerate(names)}
    answers = {  # the others listen for their peers; Faust alone decides what an index worker does
        "router": (f"http://127.0.0.1:{ports.api}/",),
        "gsi": (),
    }
    shared = {
        "STATOR_KAFKA": bootstrap_servers(ports.kafka),
        "STATOR_S3_ENDPOINT": f"http://127.0.0.1:{ports.minio}",
        "STATOR_S3_BUCKET": BUCKET,
        "STATOR_S3_ACCESS_KEY": ACCESS_KEY,
        "STATOR_S3_SECRET_KEY": SECRET_KEY,
        "STATOR_SEEDS": ",".join(f"{name}={address}" for name, address in listen.items()),
        "STATOR_PORT": str(ports.api),
    }
    return [
        ProcessSpec(
            name=name,
            argv=(str(Path(sys.executable).with_name("stator")), "service", service),
            environment=shared
            | {
                "STATOR_NODE": name,
                "STATOR_LISTEN": listen[name],
                "STATOR_DATA": str(directory / "data" / name),
                "STATOR_ADMIN_PORT": str(ports.admin(service, index)),
            },
            answers_at=answers.get(service, (listen[name],)),
            tier=1,
            stop_s=10,
        )
        for index, (service, name) in enumerate(names)
    ]


def main() -> int:
    """`up` starts and returns when the API answers; `down` stops and keeps the data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--directory", type=Path, default=ROOT / ".cluster")
    parser.add_argument("--base-port", type=int, default=BASE_PORT)
    parser.add_argument("--port", type=int, default=API_PORT)
    options = parser.parse_args()
    directory = options.directory.resolve()
    started_at = time.monotonic()
    try:
        if options.command == "down":
            if directory.exists():
                SupervisedProcesses(directory, ProcessSpec.load_all(directory)).stop()
            return 0
        cluster = NativeCluster(directory, Ports(options.base_port, options.port))
        cluster.start(leash=False)
        cluster.wait_ready()
    except ServersUnavailable as refusal:
        print(refusal, file=sys.stderr)
        return 1
    took_s = time.monotonic() - started_at
    print(f"http://localhost:{options.port} answers after {took_s:.0f} s; logs in {directory / 'logs'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
