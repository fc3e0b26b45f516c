"""Services of a cluster that cannot start say why in one line and end with code 2; nobody has to read a traceback."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.cli.processes import NAMES
from tests.servers import KafkaBrokers
from tests.standalone_server import STATOR, free_port

NOBODY = "127.0.0.1:9"
WITHOUT_ARCHIVE = {"control", "router", "streams", "gsi"}
"""They have nothing to do with it, or (gsi) only when a restored table has an index."""
PATIENCE_S = 90.0
"""Each service tries for 10 s; here all of them at once on a machine with two cores."""

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
    }


def last_words(services: Sequence[tuple[str, Settings]]) -> dict[str, tuple[int, list[str]]]:
    """Start services side by side; each one's exit code and what it wrote besides log lines."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATOR_")}
    processes = {
        service: subprocess.Popen(
            [str(STATOR), "service", service], env=inherited | given, stderr=subprocess.PIPE, text=True
        )
        for service, given in services
    }
    try:
        said = {service: process.communicate(timeout=PATIENCE_S)[1] for service, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
    return {
        service: (processes[service].returncode, [line for line in text.splitlines() if not line.startswith("{")])
        for service, text in said.items()
    }


def test_every_service_names_the_setting_that_is_missing() -> None:
    assert last_words([(service, {}) for service in NAMES]) == dict.fromkeys(
        NAMES, (2, ["stator: STATOR_NODE is not set"])
    )


def test_no_service_starts_without_the_object_store_or_kafka(tmp_path: Path) -> None:
    for service, (code, lines) in last_words([(name, settings(name, tmp_path, NOBODY)) for name in NAMES]).items():
        assert (service, code, len(lines)) == (service, 2, 1), lines
        assert "not reachable at" in lines[0]
        assert NOBODY in lines[0]


@pytest.mark.kafka
def test_no_service_with_an_archive_starts_without_the_object_store(kafka: KafkaBrokers, tmp_path: Path) -> None:
    archiving = [name for name in NAMES if name not in WITHOUT_ARCHIVE]
    ended = last_words([(name, settings(name, tmp_path, kafka.bootstrap)) for name in archiving])
    for service, (code, lines) in ended.items():
        assert (service, code, len(lines)) == (service, 2, 1), lines
        assert lines[0].startswith(f"stator: object store not reachable at http://{NOBODY}")
