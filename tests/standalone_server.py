"""A standalone server for our own tests: the same that users get, and what only we need besides."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from stator.testing import StatorServer

STATOR = Path(sys.executable).with_name("stator")
START_S = 15.0  # under 1 s on an idle machine; the tests' machine is not idle


class StandaloneServer(StatorServer):
    """With the words that clusters of tests have too."""

    @property
    def endpoint(self) -> str:
        return self.endpoint_url

    def processor_s(self) -> float:
        """What the process has used of processors since it was started: the same on an idle machine and on a busy one."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = after_name[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def standalone(directory: Path, *flags: str) -> Iterator[StandaloneServer]:
    """A started server for the time of a `with`."""
    with StandaloneServer(directory, *flags) as server:
        yield server


def start_stator(directory: Path, port: int, *flags: str) -> subprocess.Popen[str]:
    """`stator serve`, not awaited. Its output goes through a pipe: read it with `communicate`."""
    return subprocess.Popen(
        [str(STATOR), "serve", "--data", str(directory), "--port", str(port), "--admin-port", "0", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("STATOR_")},
    )


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
