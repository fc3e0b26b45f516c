"""How a bug is put in on purpose. Patching is what planting means; nothing else in the simulator may do it.

One more is one function under `@plant` in a module of `planted/`: it gets a pytest.MonkeyPatch, and its docstring says what is
wrong now.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.simulation.scenario import run_seed

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Planted:
    """One bug. `rule` is the one of docs/protocol.md that it breaks."""

    rule: str
    put: Callable[[Patch], None]
    seen_at: int
    """A seed near the first that finds it, so that CI can begin there."""

    @property
    def name(self) -> str:
        return self.put.__name__


@dataclass
class Found:
    """What came of looking for it."""

    seeds: int
    """How many were played."""
    seed: int | None = None
    """The one that found it."""
    invariants: list[str] = field(default_factory=list)
    """What was broken, in the order in which it was noticed."""


PLANTED: dict[str, Planted] = {}


def plant(rule: str, *, seen_at: int = 0) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Have the decorated function's bug looked for."""

    def add(put: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PLANTED[put.__name__] = Planted(rule, put, seen_at)
        return put

    return add


def look_for(planted: Planted, first: int, seeds_max: int) -> Found:
    """Play seeds with the bug in until one of them finds it."""
    with Patch.context() as patch:
        planted.put(patch)
        for number in range(seeds_max):
            problems = run_seed(first + number).problems
            if problems:
                broken = dict.fromkeys(problem.partition(":")[0] for problem in problems)
                return Found(number + 1, first + number, list(broken))
    return Found(seeds_max)
