"""Stored keys sort as DynamoDB sorts, for every legal key."""

from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stator.model.key_order import (
    HASH_BYTES,
    TOKENS,
    after_prefix,
    grouped,
    hash128,
    index_key,
    item_key,
    key_bytes,
    number_bytes,
    token,
)

SORT_KEY_BYTES_MAX = 1_024
ENGINE_KEY_BYTES_MAX = 1_978

SIGNIFICANDS = st.integers(-(10**38 - 1), 10**38 - 1)
NUMBERS = st.builds(
    lambda significand, magnitude: f"{significand}E{magnitude - len(str(abs(significand))) + 1}",
    SIGNIFICANDS,
    st.integers(-130, 125),
)
"""Every magnitude DynamoDB has, up to 38 digits, not normalised."""

NEAR = st.builds(
    lambda sign, digits, scale: f"{sign}{digits}E{scale}",
    st.sampled_from("+-"),
    st.integers(0, 1_000),
    st.integers(-3, 3),
)
"""Numbers close enough to each other that signs, equal values and prefixes of digits meet often."""

BINARIES = st.one_of(
    st.binary(max_size=SORT_KEY_BYTES_MAX),
    st.builds(
        lambda byte, length: bytes([byte]) * length,
        st.sampled_from([0x00, 0x01, 0xFE, 0xFF]),
        st.integers(0, SORT_KEY_BYTES_MAX),
    ),
    st.builds(
        lambda prefix, rest: prefix + rest,
        st.sampled_from([b"\0" * 8, b"\xff" * 8, b"12345678" * 127]),
        st.binary(max_size=8),
    ),
)
PAIRS = st.one_of(
    st.tuples(BINARIES, BINARIES),
    st.builds(lambda one, rest: (one, (one + rest)[:SORT_KEY_BYTES_MAX]), BINARIES, st.binary(max_size=9)),
)
"""Two sort keys, often one the other's prefix."""

TEXTS = st.text(max_size=256)

BASE_KEY = item_key({"S": "base"}, None)


def binary(data: bytes) -> dict[str, Any]:
    return {"B": b64encode(data).decode()}


def order(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


@given(NUMBERS | NEAR, NUMBERS | NEAR)
@example("0", "-0")
@example("0", "1E-130")
@example("-1E-130", "0")
@example("1E-130", "-1E-130")
@example("9.9999999999999999999999999999999999999E+125", "9.9999999999999999999999999999999999998E+125")
@example("-9.9999999999999999999999999999999999999E+125", "-9.9999999999999999999999999999999999998E+125")
@example("-1.2", "-1.23")
@example("10", "1E1")
@example("99", "100")
def test_numbers_sort_by_value(one: str, other: str) -> None:
    assert order(number_bytes(one), number_bytes(other)) == order(Decimal(one), Decimal(other))


@given(NUMBERS)
def test_a_number_takes_at_most_22_bytes(text: str) -> None:
    assert len(number_bytes(text)) <= 22


@given(TEXTS, TEXTS)
@example("\uffff", "\U00010000")
@example("", "\0")
def test_strings_sort_by_their_utf_8_bytes(one: str, other: str) -> None:
    assert order(key_bytes({"S": one}), key_bytes({"S": other})) == order(one.encode(), other.encode())


@given(PAIRS)
def test_items_of_one_partition_key_sort_by_sort_key(pair: tuple[bytes, bytes]) -> None:
    one, other = (item_key({"S": "p"}, binary(data)) for data in pair)
    assert order(one, other) == order(*pair)


@given(PAIRS)
@example((b"\xff" * 1_024, b"\xff" * 1_023))
@example((b"\0" * 1_024, b"\0" * 1_023))
@example((b"", b"\0"))
def test_grouping_keeps_order_and_equality(pair: tuple[bytes, bytes]) -> None:
    assert order(grouped(pair[0]), grouped(pair[1])) == order(*pair)


@given(PAIRS, st.binary(max_size=20), st.binary(max_size=20))
def test_what_stands_behind_a_group_never_decides_between_different_values(
    pair: tuple[bytes, bytes],
    one_tail: bytes,
    other_tail: bytes,
) -> None:
    one, other = pair
    if one != other:
        assert order(grouped(one) + one_tail, grouped(other) + other_tail) == order(one, other)


@given(PAIRS)
def test_index_rows_sort_by_index_sort_key_whatever_items_they_stand_for(pair: tuple[bytes, bytes]) -> None:
    one = index_key({"S": "p"}, binary(pair[0]), item_key({"S": "a"}, None))
    other = index_key({"S": "p"}, binary(pair[1]), item_key({"S": "b"}, None))
    if pair[0] != pair[1]:
        assert order(one, other) == order(*pair)
    else:
        assert one != other


@given(st.lists(st.tuples(TEXTS, BINARIES), max_size=8))
def test_different_items_have_different_keys_and_each_partition_key_lies_together(
    items: list[tuple[str, bytes]],
) -> None:
    keys = {item_key({"S": partition}, binary(sort)): partition for partition, sort in items}
    assert len(keys) == len(set(items))
    met: list[str] = []
    for key in sorted(keys):
        if not met or met[-1] != keys[key]:
            met.append(keys[key])
    assert len(met) == len(set(met))


@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_the_longest_keys_fit_the_engine(byte: int) -> None:
    partition, sort = binary(bytes([byte]) * 2_048), binary(bytes([byte]) * SORT_KEY_BYTES_MAX)
    base = item_key(partition, sort)
    assert len(base) == HASH_BYTES + SORT_KEY_BYTES_MAX
    assert len(index_key(partition, sort, base)) <= ENGINE_KEY_BYTES_MAX


def test_without_a_sort_key_the_partition_s_hash_is_the_whole_key() -> None:
    assert item_key({"S": "p"}, None) == hash128(b"p")
    assert index_key({"S": "p"}, None, BASE_KEY) == hash128(b"p") + hash128(BASE_KEY)


@given(TEXTS, st.none() | BINARIES)
def test_a_token_is_in_range_and_the_same_for_all_items_of_a_partition_key(partition: str, sort: bytes | None) -> None:
    key = item_key({"S": partition}, None if sort is None else binary(sort))
    assert 0 <= token(key) < TOKENS
    assert token(key) == token(item_key({"S": partition}, None))


@given(st.binary(max_size=12), st.binary(max_size=12))
@example(b"\xff\xff", b"\xff")
@example(b"a\xff", b"b")
@example(b"", b"")
def test_after_prefix_bounds_exactly_the_keys_with_that_prefix(prefix: bytes, key: bytes) -> None:
    end = after_prefix(prefix)
    assert (prefix <= key and (end is None or key < end)) == key.startswith(prefix)
    extended = prefix + key
    assert prefix <= extended
    assert end is None or extended < end


def test_key_bytes_never_change() -> None:
    assert number_bytes("0").hex() == "80"
    assert number_bytes("1").hex() == "818210"
    assert number_bytes("-1").hex() == "7f7defff"
    assert number_bytes("123.45").hex() == "8184123450"
    assert hash128(b"p").hex() == "e0a026604a43e43e0d0379c458b49a1a"
    assert grouped(b"abc").hex() == "616263000000000003"
    assert grouped(b"12345678").hex() == "313233343536373809000000000000000000"
    assert item_key({"S": "p"}, {"N": "1"}) == hash128(b"p") + bytes.fromhex("818210")
