"""An index shows and filters by what it carries; AWS refuses the rest instead of finding nothing."""

import pytest

from stator.model.errors import ValidationError
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection
from stator.rules.index_reads import check_carried

BASE = KeySchema(KeyAttribute("p", "S"))
KEY = KeySchema(KeyAttribute("x", "S"))
SOME = Index("some", KEY, Projection("INCLUDE", ("a",)))


@pytest.mark.parametrize(
    ("shown", "filtered", "said"),
    [
        (["b", "a", "c", "b"], [], "Global secondary index some does not project [b, c]"),
        (["p", "x", "a"], ["b"], "Secondary index some does not project one or more filter attributes: [b]"),
    ],
)
def test_what_an_index_does_not_carry_is_named(shown: list[str], filtered: list[str], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_carried(SOME, BASE, shown, filtered)
    assert refused.value.message == f"One or more parameter values were invalid: {said}"


@pytest.mark.parametrize(
    ("projection", "names"),
    [(Projection("ALL"), ["b"]), (Projection("KEYS_ONLY"), ["p", "x"]), (SOME.projection, ["p", "x", "a"])],
)
def test_what_an_index_carries_may_be_mentioned(projection: Projection, names: list[str]) -> None:
    check_carried(Index("other", KEY, projection), BASE, names, names)
