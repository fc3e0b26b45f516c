"""Services of a cluster that cannot start yet wait and say for whom; one that an operator must help says so in one line and
ends with code 2. Nobody has to read a traceback.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from services.cli.processes import NAMES
from tests.servers import KafkaBrokers
from tests.standalone_server import STATOR, free_port

NOBODY = "127.0.0.1:9"
WITHOUT_ARCHIVE = {"control", "router", "streams", "gsi"}
"""They have nothing to do with it, or (gsi) only when a restored table has an index."""
PATIENCE_S = 60.0
"""All services start at once, on a machine with two cores."""
STOP_S = 10.0
"""What container engines grant before they kill."""

Settings = dict[str, str]


def settings(service: str, directory: Path, kafka: str) -> Settings:
    return {
        "STATOR_NODE": f"{service}-1",
        "STATOR_KAFKA": kafka,
        "STATOR_SEEDS": f"{service}-1=127.0.0.1:{free_port()}",
        "STATOR_DATA": str(directory / service),
        "STATOR_S3_ENDPOINT": f"http://{NOBODY}",
        "STATOR_S3_ACCESS_KEY": "any",
        "STATOR_S3_SECRET_KEY": "any",
        "STATOR_S3_BUCKET": "any",
        "STATOR_PORT": str(free_port()),
        "STATOR_ADMIN_PORT": "0",
    }


class Started:
    """A service of its own, and what it says."""

    def __init__(self, service: str, given: Settings, directory: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATOR_")}
        self._said = directory / f"{service}.stderr"
        with self._said.open("w") as said:
            self.process = subprocess.Popen([str(STATOR), "service", service], env=inherited | given, stderr=said)

    def plain_lines(self) -> list[str]:
        """What it wrote besides log lines."""
        return [line for line in self._said.read_text().splitlines() if not line.startswith("{")]

    def waits_for(self) -> dict[str, str]:
        """Its first line about a server that is away, once it is written."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self._said.read_text().splitlines(keepends=True):
                if line.startswith("{") and line.endswith("\n") and json.loads(line)["event"] == "waiting_for_server":
                    told: dict[str, str] = json.loads(line)
                    return told
            time.sleep(0.1)
        pytest.fail(f"it waits for nobody: {self._said.read_text()}")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@contextlib.contextmanager
def started(services: Sequence[tuple[str, Settings]], directory: Path) -> Iterator[dict[str, Started]]:
    processes = {service: Started(service, given, directory) for service, given in services}
    try:
        yield processes
    finally:
        for running in processes.values():
            running.process.kill()
            running.process.wait()


def test_every_service_names_the_setting_that_is_missing(tmp_path: Path) -> None:
    with started([(service, {}) for service in NAMES], tmp_path) as running:
        for service, process in running.items():
            assert (service, process.process.wait(PATIENCE_S)) == (service, 2)
            assert process.plain_lines() == ["stator: STATOR_NODE is not set"]


def test_a_service_started_before_kafka_waits_and_says_so_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with started([(name, settings(name, tmp_path, NOBODY)) for name in sorted(WITHOUT_ARCHIVE)], tmp_path) as running:
        for service, process in running.items():
            told = process.waits_for()
            assert (service, told["server"], told["at"]) == (service, "kafka", NOBODY)
            assert NOBODY in told["reason"]
            assert (service, process.end(), process.plain_lines()) == (service, 0, [])


@pytest.mark.kafka
def test_a_service_with_an_archive_waits_for_the_object_store_and_says_so(kafka: KafkaBrokers, tmp_path: Path) -> None:
    archiving = [name for name in NAMES if name not in WITHOUT_ARCHIVE]
    with started([(name, settings(name, tmp_path, kafka.bootstrap)) for name in archiving], tmp_path) as running:
        for service, process in running.items():
            told = process.waits_for()
            assert (service, told["server"], told["at"]) == (service, "object store", f"http://{NOBODY}")
            assert (service, process.end(), process.plain_lines()) == (service, 0, [])
