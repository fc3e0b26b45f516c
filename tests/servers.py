"""Real servers for tests: three Kafka brokers and MinIO, run by the same code as `make cluster`.

One thing must not break: a test that needs a real server fails when there is none. It never skips, for a skipped
promise is an untested one.
"""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.brokers import BROKERS, bootstrap_servers, broker_specs
from tools.cluster import Ports
from tools.object_store import minio_spec
from tools.supervised import ServersUnavailable, SupervisedProcesses

START_S = 60.0  # measured: 6 s on two idle cores
PORT_BLOCK, PORT_FIRST, PORT_LAST = (
    150,
    20_000,
    32_000,
)  # below the ephemeral range: a restarted broker finds its port free


@contextmanager
def or_fail() -> Iterator[None]:
    """What is started within a `with` is there, or the test fails with the one line that says why not."""
    try:
        yield
    except ServersUnavailable as missing:
        pytest.fail(str(missing), pytrace=False)


class KafkaBrokers:
    """Three brokers, numbered from 1, that a test may kill and start again."""

    def __init__(self, directory: Path, ports: Ports) -> None:
        self.bootstrap = bootstrap_servers(ports.kafka)
        self._processes = SupervisedProcesses(directory, broker_specs(directory, ports.kafka, ports.controllers))

    def start_all(self) -> None:
        """Start all three and wait until they serve."""
        self._processes.start(leash=True)
        self._processes.wait_serving(START_S)

    def kill(self, n: int) -> None:
        """SIGKILL broker `n`; it stays down until `start(n)`."""
        self._processes.hold(f"kafka-{n}")
        self._processes.kill(f"kafka-{n}")

    def start(self, n: int) -> None:
        """Start broker `n` again and wait until it serves; harmless when it runs."""
        self._processes.release(f"kafka-{n}")
        self._processes.wait_serving(START_S, f"kafka-{n}")

    def heal(self) -> None:
        """Start whatever a test left dead."""
        for n in range(1, BROKERS + 1):
            self.start(n)

    def stop_all(self) -> None:
        """Stop the brokers for good."""
        self._processes.stop()


@dataclass(frozen=True, slots=True)
class MinioServer:
    """Where a real MinIO answers; `endpoint` is host:port, as the MinIO SDK wants it, without TLS."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str


@contextmanager
def running_brokers(directory: Path) -> Iterator[KafkaBrokers]:
    """Three brokers for the time of a `with`."""
    brokers = KafkaBrokers(directory, free_ports())
    try:
        brokers.start_all()
        yield brokers
    finally:
        brokers.stop_all()


@contextmanager
def running_minio(directory: Path) -> Iterator[MinioServer]:
    """One MinIO with one empty bucket for the time of a `with`."""
    ports = free_ports()
    keys = {"access_key": "stator-test", "secret_key": "stator-test-secret", "bucket": "stator-test"}
    processes = SupervisedProcesses(directory, [minio_spec(directory, ports.minio, **keys)])
    try:
        processes.start(leash=True)
        processes.wait_serving(START_S)
        yield MinioServer(endpoint=f"127.0.0.1:{ports.minio}", **keys)
    finally:
        processes.stop()


def free_ports() -> Ports:
    """Return a block of ports nobody listens on; two test runs at once look in different places."""
    dice = random.Random(os.getpid())
    while True:
        base = dice.randrange(PORT_FIRST, PORT_LAST, PORT_BLOCK)
        if all(map(_is_free, range(base, base + PORT_BLOCK))):
            return Ports(base=base, api=base + PORT_BLOCK - 3)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
