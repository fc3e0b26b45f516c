"""A standalone server as users start it: its own process, by the `stator` command, on a free port and a directory."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

STATOR = Path(sys.executable).with_name("stator")
START_S = 15.0  # under 1 s on an idle machine; the tests' machine is not idle
STOP_S = 15.0


class StandaloneServer:
    """One server that a test may kill and start again; the port stays the same."""

    def __init__(self, directory: Path, *flags: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._flags = flags
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def start(self) -> float:
        """Start and wait until it answers; seconds from the start of the process to its first answer."""
        started_at = time.monotonic()
        self._process = start_stator(self.directory, self.port, *self._flags)
        while not answers(self.port):
            assert self._process.poll() is None, f"it ended with {self._process.returncode}: {self.output()}"
            assert time.monotonic() < started_at + START_S, "no answer"
            time.sleep(0.005)
        return time.monotonic() - started_at

    def kill(self) -> None:
        """SIGKILL; returns once the process is gone."""
        self.process.kill()
        self.output()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.output()
        return self.process.returncode

    def output(self) -> str:
        """What the ended process wrote to standard error."""
        return self.process.communicate(timeout=STOP_S)[1]

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


@contextmanager
def standalone(directory: Path, *flags: str) -> Iterator[StandaloneServer]:
    """A started server for the time of a `with`."""
    server = StandaloneServer(directory, *flags)
    try:
        server.start()
        yield server
    finally:
        server.close()


def start_stator(directory: Path, port: int, *flags: str) -> subprocess.Popen[str]:
    """`stator serve`, not awaited. Its output goes through a pipe: read it with `communicate`."""
    return subprocess.Popen(
        [str(STATOR), "serve", "--data", str(directory), "--port", str(port), "--admin-port", "0", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("STATOR_")},
    )


def answers(port: int) -> bool:
    """Whether `GET /` is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def dynamodb(endpoint: str, *, attempts: int = 1, connections: int = 10) -> Any:
    """boto3's client as in AWS's documentation, but for the endpoint; close it.

    One attempt and no checks of its own: a test wants to see each answer, and the server's judgement.
    """
    config = Config(
        retries={"total_max_attempts": attempts},
        max_pool_connections=connections,
        parameter_validation=False,
        read_timeout=30,
    )
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=config,
    )
