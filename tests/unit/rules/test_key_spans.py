"""A key condition as a stretch of stored keys holds exactly the rows that DynamoDB would return, in tables and in indexes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stator.expressions.key_conditions import KeyRange, SortCondition
from stator.model.key_order import index_key, item_key
from stator.rules.key_spans import Span, after_key, contains, span_of

PARTITION = {"S": "customer"}
TEXTS = st.text(st.sampled_from("ab\x00\xff\U0010ffff"), max_size=4)
HOLDS: dict[str, Any] = {
    "=": lambda value, given: value == given[0],
    "<": lambda value, given: value < given[0],
    "<=": lambda value, given: value <= given[0],
    ">": lambda value, given: value > given[0],
    ">=": lambda value, given: value >= given[0],
    "BETWEEN": lambda value, given: given[0] <= value <= given[1],
    "begins_with": lambda value, given: value.startswith(given[0]),
}


def span(operator: str, *values: dict[str, str], index: bool) -> Span:
    return span_of(KeyRange(PARTITION, SortCondition(operator, values)), index=index)  # type: ignore[arg-type]


def stored(partition: dict[str, str], sort: dict[str, str], *, index: bool, row: int = 0) -> bytes:
    if index:
        return index_key(partition, sort, b"item-%d" % row)
    return item_key(partition, sort)


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("operator", HOLDS)
@given(value=TEXTS, low=TEXTS, high=TEXTS)
def test_a_span_holds_the_strings_that_the_condition_holds_for(
    operator: str, value: str, low: str, high: str, *, index: bool
) -> None:
    # Strings compare as their UTF-8 bytes, as in DynamoDB.
    texts = sorted((low, high), key=str.encode)
    given_ = [text.encode() for text in texts]
    asked = span(operator, *({"S": text} for text in texts), index=index)
    expected = HOLDS[operator](value.encode(), given_)
    assert contains(asked, stored(PARTITION, {"S": value}, index=index, row=1)) is expected


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("operator", [operator for operator in HOLDS if operator != "begins_with"])
@given(value=st.integers(-300, 300), low=st.integers(-300, 300), high=st.integers(-300, 300))
def test_a_span_holds_the_numbers_that_the_condition_holds_for(
    operator: str, value: int, low: int, high: int, *, index: bool
) -> None:
    numbers = sorted((low, high))
    asked = span(operator, *({"N": str(number)} for number in numbers), index=index)
    assert contains(asked, stored(PARTITION, {"N": str(value)}, index=index, row=1)) is HOLDS[operator](value, numbers)


@pytest.mark.parametrize("operator", [None, *HOLDS])
@pytest.mark.parametrize("index", [False, True])
def test_a_span_holds_nothing_of_another_partition_key(operator: str | None, *, index: bool) -> None:
    asked = (
        span_of(KeyRange(PARTITION, None), index=index)
        if operator is None
        else span(operator, {"S": "a"}, {"S": "b"}, index=index)
    )
    assert not contains(asked, stored({"S": "other"}, {"S": "a"}, index=index))


@pytest.mark.parametrize("index", [False, True])
def test_without_a_sort_condition_a_span_holds_the_whole_partition_key(*, index: bool) -> None:
    asked = span_of(KeyRange(PARTITION, None), index=index)
    for sort in ("", "a", "\U0010ffff"):
        assert contains(asked, stored(PARTITION, {"S": sort}, index=index))


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_left_behind_a_row_is_everything_after_it_in_reading_direction(*, reverse: bool) -> None:
    whole = span_of(KeyRange(PARTITION, None), index=False)
    rows = [stored(PARTITION, {"S": text}, index=False) for text in ("a", "a\x00", "b", "c")]
    left = after_key(whole, rows[1], reverse=reverse)
    assert [contains(left, row) for row in rows] == (
        [True, False, False, False] if reverse else [False, False, True, True]
    )


def test_a_key_that_is_shorter_than_the_beginning_does_not_begin_with_it() -> None:
    asked = span("begins_with", {"S": "a\x00"}, index=True)
    texts = ["a", "a\x00", "a\x00\x00", "a\x00b", "a" + "\x00" * 9, "a\x01", "b"]
    held = [text for text in texts if contains(asked, stored(PARTITION, {"S": text}, index=True))]
    assert held == texts[1:5]
