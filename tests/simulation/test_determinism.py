"""A seed is worth nothing unless it can be played again: anywhere, whatever Python's hashes are."""

import os
import subprocess
import sys

SEED = 5


def play(hash_seed: str) -> str:
    program = f"from tests.simulation.scenario import run_seed; print(run_seed({SEED}).trace)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, timeout=120
    )
    return done.stdout.decode().strip()


def test_a_seed_plays_the_same_in_every_process() -> None:
    first = play("1")
    assert len(first) == 32
    assert play("2") == first


def test_two_seeds_play_differently() -> None:
    from tests.simulation.scenario import run_seed  # noqa: PLC0415 - as the other test's processes do

    assert run_seed(SEED).trace != run_seed(SEED + 1).trace
