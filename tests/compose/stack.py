"""The containers of docker-compose.yml as tests handle them: a project and volumes of its own, so that nobody's data is touched.

The API gets free ports; Kafka's are part of what brokers tell their clients, so `docker compose down` whatever uses 9092.
"""

import json
import os
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standalone_server import free_port
from tools.supervised import ROOT

PROJECT = "stator-compose-test"
FILES = [ROOT / "docker-compose.yml"]
if os.environ.get("DOCKER_BUILDKIT") == "0":
    FILES.append(Path(__file__).with_name("lab.yml"))
BUILD_S = 3600.0
"""MinIO is compiled, once a machine."""


@dataclass(frozen=True)
class Stack:
    """One cluster of containers. `command` is Compose's own: `docker compose`, or `docker-compose`."""

    command: str
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    kafka: str = "127.0.0.1:9092,127.0.0.1:9094,127.0.0.1:9096"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *arguments: str, timeout_s: float = 300.0) -> str:
        """Run a command of Compose; what it printed. Its complaint is the test's."""
        files = [part for file in FILES for part in ("--file", str(file))]
        done = subprocess.run(
            [*shlex.split(self.command), "--project-name", PROJECT, *files, *arguments],
            env=os.environ | {"STATOR_PORT": str(self.port), "STATOR_ADMIN_PORT": str(self.admin_port)},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def build(self) -> None:
        self.compose("build", timeout_s=BUILD_S)

    def up(self, *services: str) -> None:
        """Start what does not run; returns when all of it is healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "240", *services)

    def down(self, *, forget: bool = False) -> None:
        """Remove the containers, and with `forget` what they stored."""
        self.compose("down", *(["--volumes"] if forget else []))

    def configuration(self) -> dict[str, Any]:
        """What Compose makes of the files."""
        made: dict[str, Any] = json.loads(self.compose("config", "--format", "json"))
        return made

    def events(self, service: str, name: str) -> list[dict[str, Any]]:
        """What a service logged under an event's name."""
        lines = self.compose("logs", "--no-color", "--no-log-prefix", service).splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in told if event["event"] == name]
