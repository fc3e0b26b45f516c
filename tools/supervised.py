"""The other side of the supervisor: start one, and kill, hold or release its processes by name.

Tests, chaos runs and `make cluster` all use this class, so that what is tested is what users run. Nothing here holds
state: a second process may open the same directory and speak to the same daemon.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.supervisor import ProcessSpec, accepts_connections, serves

ROOT = Path(__file__).resolve().parents[1]
POLL_S = 0.02
CHANGE_S = 15.0  # a kill, a release or the daemon's own start shows within this, also on a loaded machine


class ServersUnavailable(RuntimeError):  # noqa: N818 - says what is the case, like the library's own errors
    """A server did not start or cannot be started; the message is one line saying what to do."""


class SupervisedProcesses:
    """A directory of processes under one supervisor daemon."""

    def __init__(self, directory: Path, specs: list[ProcessSpec]) -> None:
        """Take an absolute `directory` for pids, logs and data; `specs` are what `start` will run there."""
        self.directory = directory
        self.specs = specs
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, *, leash: bool) -> None:
        """Start the daemon; with `leash` it ends with this process, without it outlives it."""
        if self.is_running():
            raise ServersUnavailable(f"already running: {self.directory} (make cluster-down stops it)")
        self._end_leftovers()
        for address in (address for spec in self.specs for address in spec.answers_at):
            if accepts_connections(address):
                raise ServersUnavailable(f"{address} is taken by another program")
        for folder in ("pids", "hold", "logs", "data"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        ProcessSpec.save_all(self.directory, self.specs)
        lock_file = self.directory / "supervisor.lock"
        lock_file.write_text("")  # an earlier daemon's pid may belong to somebody else by now
        with (self.directory / "logs" / "supervisor.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [sys.executable, "-m", "tools.supervisor", str(self.directory), *(["--leash"] if leash else [])],
                cwd=ROOT,
                stdin=subprocess.PIPE if leash else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we stop the children in order
            )
        self._until(lambda: self.is_running() and bool(lock_file.read_text()), "the supervisor did not start")

    def stop(self) -> None:
        """Stop everything and wait for it; harmless when nothing runs."""
        if self.is_running():
            os.kill(int((self.directory / "supervisor.lock").read_text()), signal.SIGTERM)
            patience_s = CHANGE_S + sum({spec.tier: spec.stop_s for spec in self.specs}.values())
            self._until(lambda: not self.is_running(), "the supervisor did not stop", patience_s)
        self._end_leftovers()
        if self._daemon:
            self._daemon.communicate(timeout=CHANGE_S)

    def is_running(self) -> bool:
        """Whether a daemon holds this directory."""
        lock_file = self.directory / "supervisor.lock"
        if not lock_file.exists():
            return False
        with lock_file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def pid(self, name: str) -> int | None:
        """Return the process id of `name`, or None while it does not run."""
        try:
            return int((self.directory / "pids" / f"{name}.pid").read_text())
        except FileNotFoundError:
            return None

    def kill(self, name: str) -> None:
        """SIGKILL `name` and wait until it is gone; it comes back within 2 s unless held."""
        pid = self.pid(name)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._until(lambda: self.pid(name) != pid, f"{name} did not die")

    def hold(self, name: str) -> None:
        """From now on `name` is not started again; a running one is left alone."""
        (self.directory / "hold" / name).touch()

    def release(self, name: str) -> None:
        """End a hold and wait until `name` runs (not until it answers)."""
        (self.directory / "hold" / name).unlink(missing_ok=True)
        self._until(lambda: self.pid(name) is not None, f"{name} did not start")

    def wait_serving(self, timeout_s: float, *names: str) -> None:
        """Wait until the named processes (all without names) are ready for work."""
        addresses = [address for spec in self.specs if not names or spec.name in names for address in spec.answers_at]
        self._until(lambda: all(map(serves, addresses)), f"no answer from {' '.join(addresses)}", timeout_s)

    def _end_leftovers(self) -> None:
        """End children of a daemon that was killed itself; their ports are needed.

        A pid may belong to somebody else by now, so only a process with the command line we would start is touched.
        """
        left = {}
        for spec in self.specs:
            pid = self.pid(spec.name)
            if pid is not None and _command_of(pid).endswith(" ".join(spec.argv[1:])):
                os.kill(pid, signal.SIGKILL)
                left[spec.name] = pid
        self._until(lambda: not any(map(_command_of, left.values())), f"what ran before did not die: {left}")
        for spec in self.specs:
            (self.directory / "pids" / f"{spec.name}.pid").unlink(missing_ok=True)

    def _until(self, condition: Callable[[], bool], complaint: str, timeout_s: float = CHANGE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise ServersUnavailable(f"{complaint} within {timeout_s:.0f} s; see {self.directory / 'logs'}")
            time.sleep(POLL_S)


def _command_of(pid: int) -> str:
    """Return the command line of a process, empty when it is gone."""
    listing = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()
