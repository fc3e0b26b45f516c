"""The daemon that keeps a native cluster's processes alive, so that a crash of any of them is a gap and not an end.

One thing must not break: this process alone starts, waits for and restarts the children. Everybody else (tests, chaos,
`make cluster-down`) speaks to it through files in its directory:

    processes.json     what to run, written before the daemon starts
    pids/<name>.pid    there exactly while the process runs
    hold/<name>        while it exists, <name> is not started (again)
    logs/<name>.log    standard output and error of every incarnation
    supervisor.lock    locked while the daemon lives; holds its pid

SIGTERM stops it; so does the end of standard input when it was started with `--leash`: no child outlives a test run,
however that run ended.
"""

import fcntl
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Self
from urllib.parse import urlsplit

POLL_S = 0.05
RESTART_PAUSE_S = 1.0  # between two starts of one process: a crash loop stays below the promised 2 s and spares the CPU
ANSWER_S = 1.0
LOCK_TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One process to keep alive.

    `environment` is added to the daemon's own. `answers_at` says how to see that it serves: "host:port" accepts
    connections, "http://host:port/path" answers 200. Processes of a tier start once all lower tiers serve, and are
    stopped before those; `stop_s` is the time between SIGTERM and SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    answers_at: tuple[str, ...]
    tier: int
    stop_s: float

    @classmethod
    def load_all(cls, directory: Path) -> list[Self]:
        """Read what `save_all` wrote."""
        rows = json.loads((directory / "processes.json").read_text())
        return [cls(**{**row, "argv": tuple(row["argv"]), "answers_at": tuple(row["answers_at"])}) for row in rows]

    @staticmethod
    def save_all(directory: Path, specs: "list[ProcessSpec]") -> None:
        """Write the list that a daemon in `directory` will run."""
        (directory / "processes.json").write_text(json.dumps([asdict(spec) for spec in specs], indent=1))


def accepts_connections(address: str) -> bool:
    """Whether something listens at `address` now, serving or not."""
    _, host, port = _parts(address)
    try:
        socket.create_connection((host, port), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True


def serves(address: str) -> bool:
    """Whether the process behind `address` is ready for work."""
    path, host, port = _parts(address)
    if not path:
        return accepts_connections(address)
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _parts(address: str) -> tuple[str, str, int]:
    url = urlsplit(address if "://" in address else f"//{address}")
    if url.hostname is None or url.port is None:
        raise ValueError(f"neither host:port nor http://host:port/path: {address}")
    return url.path, url.hostname, url.port


class Supervisor:
    """Starts what should run, buries what died, stops all in the end."""

    def __init__(self, directory: Path, specs: list[ProcessSpec]) -> None:
        self._directory = directory
        self._specs = specs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._tiers_up = {min(spec.tier for spec in specs)}

    def step(self) -> None:
        """Bury the dead and start what is missing."""
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                self._bury(name)
        for spec in self._specs:
            if spec.name not in self._children and self._may_start(spec):
                self._start(spec)

    def stop(self) -> None:
        """Stop the tiers from the top down: first politely, then by force."""
        for tier in sorted({spec.tier for spec in self._specs}, reverse=True):
            for spec in self._specs:
                if spec.tier == tier and spec.name in self._children:
                    self._children[spec.name].terminate()
            deadline = time.monotonic()
            for spec in self._specs:
                if spec.tier == tier and (child := self._children.get(spec.name)):
                    try:
                        child.wait(max(0.0, deadline + spec.stop_s - time.monotonic()))
                    except subprocess.TimeoutExpired:
                        child.kill()
                        child.wait()
                    self._bury(spec.name)

    def _may_start(self, spec: ProcessSpec) -> bool:
        if self._is_held(spec.name) or time.monotonic() - self._started_at.get(spec.name, 0.0) < RESTART_PAUSE_S:
            return False
        if spec.tier not in self._tiers_up:
            below = [low for low in self._specs if low.tier < spec.tier and not self._is_held(low.name)]
            if not all(serves(address) for low in below for address in low.answers_at):
                return False
            self._tiers_up.add(spec.tier)
        return True

    def _is_held(self, name: str) -> bool:
        return (self._directory / "hold" / name).exists()

    def _start(self, spec: ProcessSpec) -> None:
        with (self._directory / "logs" / f"{spec.name}.log").open("ab") as log:
            child = subprocess.Popen(
                spec.argv,
                env=os.environ | spec.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._children[spec.name] = child
        self._started_at[spec.name] = time.monotonic()
        pid_file = self._pid_file(spec.name)
        fresh = pid_file.with_suffix(".new")
        fresh.write_text(f"{child.pid}\n")
        fresh.rename(pid_file)  # a reader never sees an empty one

    def _bury(self, name: str) -> None:
        del self._children[name]
        self._pid_file(name).unlink(missing_ok=True)

    def _pid_file(self, name: str) -> Path:
        return self._directory / "pids" / f"{name}.pid"


def run(directory: Path, leash: IO[str] | None) -> None:
    """Supervise until SIGTERM, SIGINT or the end of `leash`."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    specs = ProcessSpec.load_all(directory)
    with (directory / "supervisor.lock").open("a+") as lock:
        _take(lock)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        supervisor = Supervisor(directory, specs)
        while not stopping:
            supervisor.step()
            if leash is None:
                time.sleep(POLL_S)
            elif select.select([leash], [], [], POLL_S)[0]:
                break
        supervisor.stop()


def _take(lock: IO[str]) -> None:
    """Lock for life, or end. Whoever asks if we run holds the lock for a moment, so one refusal proves nothing."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(POLL_S)
        else:
            return
    sys.exit(f"another supervisor holds {lock.name}")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.stdin if "--leash" in sys.argv[2:] else None)
