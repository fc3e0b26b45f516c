"""`python -m tests.simulation.run --seeds N`: many simulated clusters, or one of them told line by line."""

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

from tests.simulation.scenario import Result, run_seed

FAULTS_MIN = 25
"""On average over many seeds. With fewer it says little that nothing was found."""
MANY = 100


def main() -> int:
    """Run seeds; 1 when one of them found something, or too little went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="tell what happens")
    parser.add_argument("--registers", action="store_true", help="ask porcupine whether every item was a register")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once; 0: as many as there are cores")
    wanted = parser.parse_args()
    seeds = [wanted.seed] if wanted.seed is not None else range(wanted.start, wanted.start + wanted.seeds)
    began = time.monotonic()
    faults, moves, attempts, simulated_s, cpu_s, bad = 0, 0, 0, 0.0, 0.0, []
    play = partial(_play, verbose=wanted.trace, registers=wanted.registers)
    with _results(play, seeds, wanted.jobs or len(os.sched_getaffinity(0))) as results:
        for result, took_cpu_s in results:
            faults += result.faults
            moves += result.moves
            attempts += result.attempts
            simulated_s += result.simulated_s
            cpu_s += took_cpu_s
            if result.problems:
                bad.append(result.seed)
                sys.stdout.write(f"seed {result.seed}: {len(result.problems)} problems\n")
                sys.stdout.writelines(f"    {problem}\n" for problem in result.problems[:5])
                sys.stdout.flush()
    took_s = time.monotonic() - began
    sys.stdout.write(
        f"{len(seeds)} seeds, {len(bad)} bad {bad[:20]}; {attempts} operations, {faults} faults, {moves} moves of leadership,"
        f" {simulated_s / 3600:.1f} simulated hours in {took_s:.0f} s, {cpu_s:.0f} s of a core ({len(seeds) / cpu_s:.1f} seeds/s)\n"
    )
    if len(seeds) >= MANY and faults < FAULTS_MIN * len(seeds):
        sys.stdout.write(f"{faults} faults are fewer than {FAULTS_MIN} a seed\n")
        return 1
    return 1 if bad else 0


Play = Callable[[int], tuple[Result, float]]


@contextmanager
def _results(play: Play, seeds: Sequence[int], jobs: int) -> Iterator[Iterable[tuple[Result, float]]]:
    if jobs == 1:
        yield map(play, seeds)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield pool.map(play, seeds)


def _play(seed: int, *, verbose: bool, registers: bool) -> tuple[Result, float]:
    """One seed's result, and the seconds of a core that it took."""
    if not gc.get_freeze_count():
        gc.freeze()  # what was imported is not looked at again after every seed
    began = time.process_time()
    result = run_seed(seed, verbose=verbose, registers=registers)
    return result, time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
