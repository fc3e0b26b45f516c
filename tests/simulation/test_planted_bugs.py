"""What the simulator is worth: bugs put in on purpose have to be found. `make sim-mutants` tells by what, and how soon."""

import pytest

import tests.simulation.planted as bugs
from tests.simulation.planting import PLANTED, Planted, look_for

SEEDS_MAX = 200


def test_there_are_bugs_enough() -> None:
    assert bugs.__all__
    assert len(PLANTED) >= 12


@pytest.mark.parametrize("planted", PLANTED.values(), ids=lambda planted: planted.name)
def test_a_planted_bug_is_found(planted: Planted) -> None:
    assert look_for(planted, planted.seen_at, SEEDS_MAX).invariants
