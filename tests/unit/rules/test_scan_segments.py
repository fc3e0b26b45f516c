"""Segments: together they are the table, each row in one of them, whatever the number of partitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stator.model.errors import ValidationError
from stator.model.key_order import TOKENS, hash128
from stator.model.positions import LogId
from stator.model.tables import even_partitions, partition_for
from stator.rules.key_spans import contains
from stator.rules.scan_segments import Segment, check_within, segment_of, stretches

ROWS = st.one_of(
    st.binary(max_size=8).map(hash128),
    st.sampled_from([0, 1, TOKENS // 4 - 1, TOKENS // 4, TOKENS // 2, TOKENS - 1]).map(
        lambda token: token.to_bytes(8, "big") + bytes(8)
    ),
).flatmap(lambda prefix: st.binary(max_size=3).map(lambda sort: prefix + sort))


def partitions_of(count: int) -> tuple[LogId, ...]:
    return tuple(LogId(number) for number in range(1, count + 1))


@given(rows=st.sets(ROWS, max_size=20), partitions=st.integers(1, 9), total=st.integers(1, 12))
def test_each_row_is_in_one_segment_and_read_from_its_partition(rows: set[bytes], partitions: int, total: int) -> None:
    ranges = even_partitions(partitions_of(partitions))
    read = [
        (log_id, row)
        for number in range(total)
        for log_id, span in stretches(ranges, Segment(number, total), None)
        for row in sorted(rows)
        if contains(span, row)
    ]
    assert sorted(row for _, row in read) == sorted(rows)
    for log_id, row in read:
        assert partition_for(ranges, int.from_bytes(row[:8], "big")).log_id == log_id


@given(rows=st.sets(ROWS, min_size=1, max_size=20), partitions=st.integers(1, 9), total=st.integers(1, 5))
def test_a_scan_goes_on_with_the_row_behind_and_leaves_none_out(rows: set[bytes], partitions: int, total: int) -> None:
    ranges = even_partitions(partitions_of(partitions))
    for number in range(total):
        segment = Segment(number, total)

        def read(start: bytes | None, segment: Segment = segment) -> list[bytes]:
            spans = stretches(ranges, segment, start)
            return [row for _, span in spans for row in sorted(rows) if contains(span, row)]

        whole = read(None)
        for place, row in enumerate(whole):
            check_within(segment, row)
            assert read(row) == whole[place + 1 :]


@pytest.mark.parametrize("row", [hash128(b"a"), hash128(b"b"), hash128(b"c")])
def test_a_row_of_another_segment_is_no_place_to_go_on(row: bytes) -> None:
    total = 7
    own = [number for number in range(total) if _is_within(Segment(number, total), row)]
    assert len(own) == 1
    other = Segment((own[0] + 1) % total, total)
    with pytest.raises(ValidationError) as refused:
        check_within(other, row)
    assert refused.value.message == (
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct"
        f" Segment. TotalSegments: 7 Segment: {other.number}"
    )


def _is_within(segment: Segment, row: bytes) -> bool:
    try:
        check_within(segment, row)
    except ValidationError:
        return False
    return True


def test_a_million_segments_have_no_gap_and_no_overlap() -> None:
    total = 1_000_000
    for number in (0, 1, 2, 333_333, 999_998):
        assert Segment(number, total).end_token == Segment(number + 1, total).first_token
    assert Segment(0, total).first_token == 0
    assert Segment(999_999, total).end_token == TOKENS


@pytest.mark.parametrize(
    ("number", "total", "said"),
    [
        (
            1,
            None,
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
        ),
        (
            None,
            1,
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
        ),
        (
            1,
            1,
            (
                "The Segment parameter is zero-based and must be less than parameter TotalSegments:"
                " Segment: 1 is not less than TotalSegments: 1"
            ),
        ),
    ],
)
def test_a_segment_is_named_by_both_numbers(number: int | None, total: int | None, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        segment_of(number, total)
    assert refused.value.message == said
