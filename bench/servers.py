"""Who is measured: a standalone Stator and DynamoDB Local, each a process with a directory of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.supervised import ROOT
from tools.supervisor import accepts_connections

POM = ROOT / "bench" / "dynamodb_local" / "pom.xml"
JARS = ROOT / ".tools" / "dynamodb-local"
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    pid: int
    started_in_s: float


@contextmanager
def stator(directory: Path, port: int) -> Iterator[Server]:
    """Standalone: every acknowledged write is synced to disk."""
    command = [str(Path(sys.executable).with_name("stator")), "serve"]
    with _running("Stator", [*command, "--data", str(directory), "--port", str(port)], directory, port) as server:
        yield server


@contextmanager
def dynamodb_local(directory: Path, port: int) -> Iterator[Server]:
    """DynamoDB Local with its data on disk (SQLite)."""
    fetch_dynamodb_local()
    command = [
        "java",
        f"-Djava.library.path={JARS}",
        "-cp",
        f"{JARS}/*",
        "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
        *("-dbPath", str(directory), "-sharedDb", "-disableTelemetry", "-port", str(port)),
    ]
    with _running("DynamoDB Local", command, directory, port) as server:
        yield server


def fetch_dynamodb_local() -> None:
    """Have Maven copy the jars that bench/dynamodb_local/pom.xml names, once for each change of it."""
    stamp = JARS / ".stamp"
    if stamp.exists() and stamp.stat().st_mtime >= POM.stat().st_mtime:
        return
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
    subprocess.run(["mvn", "-q", "-B", "-f", str(POM), *copy], check=True)
    stamp.touch()


@contextmanager
def _running(name: str, command: list[str], directory: Path, port: int) -> Iterator[Server]:
    directory.mkdir(parents=True)
    began_at = time.monotonic()
    with (directory.with_suffix(".log")).open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
    try:
        while not accepts_connections(f"127.0.0.1:{port}"):
            if process.poll() is not None or time.monotonic() > began_at + START_S:
                raise RuntimeError(f"{name} did not start; see {log.name}")
            time.sleep(0.01)
        yield Server(name, port, process.pid, time.monotonic() - began_at)
    finally:
        process.terminate()
        process.wait()
