"""The protocol's models hold within their bounds, and notice each rule that is broken on purpose."""

from pathlib import Path

import pytest

from tests.tla.bounds import BROKEN, DEEP, SOUND
from tests.tla.tlc import MODELS, Model, run


def holds(model: Model, directory: Path) -> None:
    outcome = run(model, directory)
    assert outcome.violated is None, outcome.output
    assert outcome.states > 1_000, "a model in which nothing happens proves nothing"


@pytest.mark.timeout(900)  # half a minute at most, on two idle cores
@pytest.mark.parametrize("name", SOUND)
def test_the_protocol_keeps_every_invariant(name: str, tmp_path: Path) -> None:
    holds(SOUND[name], tmp_path)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_breaks_its_invariant(name: str, tmp_path: Path) -> None:
    (expected,) = BROKEN[name].invariants
    assert run(BROKEN[name], tmp_path).violated == expected


@pytest.mark.tla_deep
@pytest.mark.parametrize("name", DEEP)
def test_the_protocol_keeps_every_invariant_within_larger_bounds(name: str, tmp_path: Path) -> None:
    holds(DEEP[name], tmp_path)


@pytest.mark.parametrize("model", sorted(MODELS.glob("*.tla")), ids=lambda model: model.stem)
def test_every_mutant_of_a_model_is_run(model: Path) -> None:
    """A rule that can be broken in a model is broken in a run, and a run breaks a rule that there is."""
    named = {name for name in BROKEN if f'"{name}"' in model.read_text()}
    assert named == {name for name, run_ in BROKEN.items() if run_.module == model.stem}
    assert len(named) >= 3
