"""Rows of one partition key lie in the order of the index's sort key, whatever legal keys there are."""

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stator.model.item import encode_image
from stator.model.key_order import item_key, key_bytes, local_index_key
from stator.model.tables import KeyAttribute
from stator.rules.local_rows import NO_ROWS, LaidOut, LocalLayout, expiry_rows, local_rows, row_keys, row_moves

LMDB_KEY_BYTES_MAX = 1_978
PARTITION = {"S": "forum"}
BY_LIKES = LocalLayout((KeyAttribute("likes", "N"),))
BY_THREE = LocalLayout((KeyAttribute("s", "S"), KeyAttribute("n", "N"), KeyAttribute("b", "B")))

_BYTES = st.binary(min_size=1, max_size=1_024) | st.builds(
    lambda byte, size: bytes([byte]) * size, st.sampled_from([0, 8, 9, 255]), st.integers(1, 1_024)
)
VALUES = {
    "B": _BYTES.map(lambda data: {"B": base64.b64encode(data).decode()}),
    "S": st.text(min_size=1, max_size=40).map(lambda text: {"S": text}),
    "N": st.integers(-(10**9), 10**9).map(lambda number: {"N": str(number)}),
}
PAIRS = st.sampled_from("BSN").flatmap(lambda kind: st.tuples(VALUES[kind], VALUES[kind]))


def key_of(sort: dict[str, Any]) -> bytes:
    return item_key(PARTITION, sort)


@given(PAIRS, st.tuples(VALUES["B"], VALUES["B"]))
def test_rows_are_ordered_by_the_sort_key_of_the_index(pair: Any, base_sorts: Any) -> None:
    (one, other), (one_base, other_base) = pair, base_sorts
    rows = [local_index_key(one, key_of(one_base)), local_index_key(other, key_of(other_base))]
    if one != other:
        assert (rows[0] < rows[1]) == (key_bytes(one) < key_bytes(other))
    assert (rows[0] == rows[1]) == (one == other and one_base == other_base)


@given(st.binary(min_size=1, max_size=500), st.binary(min_size=1, max_size=500))
def test_rows_of_equal_sort_keys_are_ordered_by_the_table_s(one: bytes, other: bytes) -> None:
    sorts = [{"B": base64.b64encode(data).decode()} for data in (one, other)]
    rows = [local_index_key({"N": "7"}, key_of(sort)) for sort in sorts]
    assert (rows[0] < rows[1]) == (one < other)


def test_items_whose_long_keys_differ_at_the_end_have_rows_of_their_own() -> None:
    keys = [key_of({"S": "x" * 1_023 + end}) for end in "abc"]
    assert len({local_index_key({"N": "7"}, key) for key in keys}) == 3


def test_the_longest_row_fits_into_a_view() -> None:
    (row,) = row_keys(
        LocalLayout((KeyAttribute("s", "S"),)), key_of({"S": "x" * 1_024}), encode_image({"s": {"S": "y" * 1_024}})
    )
    assert len(row) <= LMDB_KEY_BYTES_MAX


def test_an_item_has_a_row_in_each_index_whose_sort_key_it_has() -> None:
    key = key_of({"S": "a"})
    image = encode_image({"s": {"S": "x"}, "n": {"N": "5"}, "b": {"B": "AA=="}, "other": {"L": []}})
    rows = row_keys(BY_THREE, key, image)
    assert sorted(row[:2] for row in rows) == [local_rows(0), local_rows(1), local_rows(2)]
    assert row_keys(BY_THREE, key, encode_image({"n": {"N": "5"}})) == {
        local_rows(1) + local_index_key({"N": "5"}, key)
    }


def test_values_that_no_sort_key_may_have_give_no_row() -> None:
    key = key_of({"S": "a"})
    for value in ({"N": "5"}, {"S": ""}, {"S": "x" * 1_025}, {"NULL": True}, {"L": [{"S": "x"}]}):
        assert row_keys(BY_THREE, key, encode_image({"s": value})) == frozenset()


def test_no_item_and_no_layout_mean_no_rows() -> None:
    key = key_of({"S": "a"})
    assert row_moves(LaidOut(BY_LIKES), key, None, None) == (frozenset(), frozenset())
    assert row_moves(LaidOut(NO_ROWS), key, b"never decoded", b"nor this") == (frozenset(), frozenset())


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40))
def test_the_rows_of_a_stretch_of_seconds_are_those_of_the_items_due_in_it(due: int, first: int, last: int) -> None:
    (row,) = row_keys(LocalLayout(expiry_attribute="gone"), key_of({"S": "a"}), encode_image({"gone": {"N": str(due)}}))
    low, high = expiry_rows(first, last)
    assert high is not None
    assert (low <= row < high) == (first <= due <= last)


def test_an_attribute_that_is_no_instant_gives_no_expiry_row() -> None:
    for value in ({"S": "5"}, {"N": "-1.5"}, {"N": "-5"}, {"N": "1" + "0" * 20}):
        image = encode_image({"gone": value})
        assert row_keys(LocalLayout(expiry_attribute="gone"), key_of({"S": "a"}), image) == frozenset()


_IMAGES = st.none() | st.fixed_dictionaries(
    {}, optional={"s": VALUES["S"], "n": VALUES["N"] | VALUES["S"], "b": VALUES["B"], "other": VALUES["S"]}
).map(encode_image)


@given(_IMAGES, _IMAGES)
def test_an_item_s_rows_are_those_that_it_had_without_what_goes_and_with_what_comes(
    before: bytes | None, after: bytes | None
) -> None:
    layout, key = LocalLayout(BY_THREE.sort_keys, "n"), key_of({"S": "a"})
    had, has = (frozenset() if image is None else row_keys(layout, key, image) for image in (before, after))
    gone, come = row_moves(LaidOut(layout), key, before, after)
    assert gone <= had
    assert not come & had
    assert (had - gone) | come == has
