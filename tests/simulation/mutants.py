"""`python -m tests.simulation.mutants`: plant each bug alone, play seeds until one finds it, and tell what it took.

Every bug gets processes of its own, so that nothing of it is left for the next.
"""

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import tests.simulation.planted as bugs
from tests.simulation.planting import PLANTED, Found, look_for


def main() -> int:
    """Look for all bugs, or some; 1 when one stays hidden."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which bugs; all of {', '.join(bugs.__all__)} by default")
    parser.add_argument("--seeds", type=int, default=2000, help="how many may be played for one")
    parser.add_argument("--near", action="store_true", help="begin near the seed that is known to find it, not with 0")
    parser.add_argument("--jobs", type=int, default=1, help="how many bugs at once")
    wanted = parser.parse_args()
    names = wanted.names or list(PLANTED)
    hidden = 0
    say = "{:<34} {:<8} {:>6} {:>6}  {}\n".format
    sys.stdout.write(say("bug", "rule", "seeds", "seed", "found by"))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted.jobs, context, max_tasks_per_child=1) as pool:
        look = partial(_look_for, seeds_max=wanted.seeds, near=wanted.near)
        for name, found in zip(names, pool.map(look, names), strict=True):
            hidden += found.seed is None
            seed = "-" if found.seed is None else found.seed
            sys.stdout.write(say(name, PLANTED[name].rule, found.seeds, seed, ", ".join(found.invariants)))
            sys.stdout.flush()
    sys.stdout.write(f"{len(names)} bugs, {hidden} not found within {wanted.seeds} seeds\n")
    return 1 if hidden else 0


def _look_for(name: str, *, seeds_max: int, near: bool) -> Found:
    planted = PLANTED[name]
    return look_for(planted, planted.seen_at if near else 0, seeds_max)


if __name__ == "__main__":
    sys.exit(main())
