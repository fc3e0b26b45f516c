"""What clients of a simulated cluster saw, judged by somebody else's checker. `make nightly` does so with 2,000 seeds."""

import pytest

from tests.simulation.planted.reads import refusals_at_once
from tests.simulation.planting import Patch
from tests.simulation.scenario import run_seed

SAMPLE = range(500, 506)
SHOWS = 5
"""A seed in which a client is shown what never was, by a leader that refuses at once."""


@pytest.mark.parametrize("seed", SAMPLE)
def test_every_item_was_one_register(seed: int) -> None:
    assert run_seed(seed, registers=True).problems == []


def test_an_item_that_was_not_is_noticed(monkeypatch: Patch) -> None:
    refusals_at_once(monkeypatch)
    problems = run_seed(SHOWS, registers=True).problems
    assert any(problem.startswith("linearizable_items:") for problem in problems)
