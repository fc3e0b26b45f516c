"""Every path that an expression mentions is found, wherever it stands."""

import pytest

from stator.expressions.ast import Expression
from stator.expressions.conditions import parse_condition
from stator.expressions.mentions import paths_in
from stator.expressions.projections import parse_projection
from stator.expressions.updates import parse_update


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        (parse_condition("a.b = :v OR NOT size(c) IN (:v, d[0]) AND contains(e, f)"), ["a", "c", "d", "e", "f"]),
        (parse_condition("a BETWEEN b AND :v"), ["a", "b"]),
        (parse_projection("a, b.c, a[1]"), ["a", "b", "a"]),
        (
            parse_update("SET a = b + c, d = list_append(if_not_exists(e.f, :v), g) REMOVE h[0] ADD i :v"),
            list("abcdeghi"),
        ),
    ],
)
def test_all_paths_are_found_in_the_order_written(expression: Expression, found: list[str]) -> None:
    assert [path.steps[0] for path in paths_in(expression)] == found
