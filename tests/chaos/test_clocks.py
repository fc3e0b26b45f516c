"""A clock that is stepped is stepped for its own process, and time that only rises goes on as before."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clocks import LOOKS_S, OwnClock, can_be_stepped

AHEAD_S = 100.0
SHOW = """
import sys, time
for _ in sys.stdin:
    print(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic(), flush=True)
"""


@pytest.mark.skipif(not can_be_stepped(), reason="libfaketime has no library for this machine")
def test_a_step_moves_the_wall_clock_of_one_process_and_nothing_else(tmp_path: Path) -> None:
    clock = OwnClock(tmp_path / "clock")
    with subprocess.Popen(
        [sys.executable, "-c", SHOW],
        env=clock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ahead_s() -> tuple[float, ...]:
            print(file=process.stdin, flush=True)
            shown = map(float, process.stdout.readline().split())
            here = (time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic())
            return tuple(round(there - now, 0) for there, now in zip(shown, here, strict=True))

        assert ahead_s() == (0, 0, 0)
        for step_s in (AHEAD_S, -AHEAD_S):
            clock.step(step_s)
            time.sleep(LOOKS_S + 1)
            assert ahead_s() == (step_s, 0, 0)
        process.stdin.close()
