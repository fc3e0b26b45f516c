"""Some seeds, and those that found something once. `make sim SEEDS=1000` plays more."""

from pathlib import Path

import pytest

from tests.simulation.scenario import run_seed

REGRESSIONS = sorted((Path(__file__).parents[1] / "seeds").glob("*.txt"))


@pytest.mark.parametrize("seed", range(16))
def test_every_promise_is_kept(seed: int) -> None:
    assert run_seed(seed).problems == []


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    """The file's name is the seed, its text what it found."""
    assert run_seed(int(path.stem)).problems == []
