"""The native cluster's promises, tried with small processes: what dies comes back, what is held does not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.servers import free_ports
from tools.supervised import ROOT, ServersUnavailable, SupervisedProcesses
from tools.supervisor import ProcessSpec

BACK_S = 2.0  # what make cluster promises
PATIENCE_S = 10.0
LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"

OWNER = """
import sys, time
from pathlib import Path
from tools.supervised import SupervisedProcesses
from tools.supervisor import ProcessSpec
directory = Path(sys.argv[1])
running = SupervisedProcesses(directory, ProcessSpec.load_all(directory))
running.start(leash=True)
time.sleep(600)
"""


def specs(directory: Path) -> list[ProcessSpec]:
    base = free_ports().base
    return [
        ProcessSpec(
            name=name,
            argv=(sys.executable, "-c", LISTEN, str(base + tier), str(directory)),
            environment={},
            answers_at=(f"127.0.0.1:{base + tier}",),
            tier=tier,
            stop_s=5,
        )
        for tier, name in enumerate(["ground-1", "service-1"])
    ]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[SupervisedProcesses]:
    running = SupervisedProcesses(tmp_path, specs(tmp_path))
    running.start(leash=True)
    try:
        running.wait_serving(PATIENCE_S)
        yield running
    finally:
        running.stop()


def until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def alive_pid(processes: SupervisedProcesses, name: str) -> int:
    pid = processes.pid(name)
    assert pid is not None
    assert is_alive(pid)
    return pid


def is_another(processes: SupervisedProcesses, name: str, before: int) -> bool:
    return processes.pid(name) not in (None, before)


def test_a_killed_process_is_back_within_two_seconds(processes: SupervisedProcesses) -> None:
    for _ in range(2):  # also when it dies again at once
        before = alive_pid(processes, "service-1")
        os.kill(before, signal.SIGKILL)
        assert until(partial(is_another, processes, "service-1", before), BACK_S)


def test_a_held_process_stays_dead_until_released(processes: SupervisedProcesses) -> None:
    processes.hold("ground-1")
    alive_pid(processes, "ground-1")  # a hold kills nobody
    processes.kill("ground-1")
    assert not until(lambda: processes.pid("ground-1") is not None, BACK_S)
    processes.release("ground-1")
    alive_pid(processes, "ground-1")


def test_stop_leaves_no_process_and_no_pid_file(processes: SupervisedProcesses) -> None:
    pids = [alive_pid(processes, spec.name) for spec in processes.specs]
    processes.stop()
    assert not any(map(is_alive, pids))
    assert not list((processes.directory / "pids").iterdir())


def test_a_second_start_in_one_directory_is_refused(processes: SupervisedProcesses) -> None:
    with pytest.raises(ServersUnavailable, match="already running"):
        SupervisedProcesses(processes.directory, processes.specs).start(leash=True)


def test_children_end_with_a_killed_owner(tmp_path: Path) -> None:
    """The leash: a test run that is SIGKILLed takes its servers with it."""
    ProcessSpec.save_all(tmp_path, specs(tmp_path))
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT)
    observer = SupervisedProcesses(tmp_path, ProcessSpec.load_all(tmp_path))
    assert until(lambda: observer.pid("service-1") is not None)
    pids = [alive_pid(observer, spec.name) for spec in observer.specs]
    owner.kill()
    owner.wait()
    assert until(lambda: not any(map(is_alive, pids)))
    assert until(lambda: not observer.is_running())


def test_a_new_daemon_ends_what_a_killed_one_left(processes: SupervisedProcesses) -> None:
    left = [alive_pid(processes, spec.name) for spec in processes.specs]
    daemon = int((processes.directory / "supervisor.lock").read_text())
    os.kill(daemon, signal.SIGKILL)
    assert until(lambda: not processes.is_running())
    assert all(map(is_alive, left))

    successor = SupervisedProcesses(processes.directory, processes.specs)
    successor.start(leash=True)
    try:
        assert until(lambda: not any(map(is_alive, left)))
        successor.wait_serving(PATIENCE_S)
    finally:
        successor.stop()
