"""What clients of a simulated cluster saw, judged by somebody else's checker. `make nightly` does so with 2,000 seeds."""

import pytest

from tests.simulation.scenario import run_seed

SAMPLE = range(500, 506)


@pytest.mark.parametrize("seed", SAMPLE)
def test_every_item_was_one_register(seed: int) -> None:
    assert run_seed(seed, registers=True).problems == []
