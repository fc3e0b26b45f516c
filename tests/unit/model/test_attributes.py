"""Attribute values: what is let in, in which form; equality; order; sizes."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given

from stator.model.attributes import equal, item_size, nesting_of, normalise, normalise_item, rank, size_of
from stator.model.errors import SerializationError, ValidationError
from stator.model.item import Item, encode_image
from tests.strategies import items, number_texts, values


def nested(levels: int, kind: str) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "leaf"}
    for _ in range(levels - 1):
        value = {"L": [value]} if kind == "L" else {"M": {"x": value}}
    return value


@given(items)
def test_normalising_changes_nothing_that_is_canonical(item: Item) -> None:
    before = deepcopy(item)
    assert normalise_item(item) == item == before


def test_numbers_are_made_canonical_at_any_depth_and_order_is_kept() -> None:
    sent = {"M": {"n": {"N": "1.0"}, "l": {"L": [{"NS": ["3.0", "1e1"]}]}}}
    assert normalise(sent) == {"M": {"n": {"N": "1"}, "l": {"L": [{"NS": ["3", "10"]}]}}}


def test_members_that_are_null_or_unknown_do_not_count() -> None:
    assert normalise({"S": "a", "N": None, "Unknown": 1}) == {"S": "a"}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"S": None}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"L": [{}]}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ),
        ({"SS": []}, "One or more parameter values were invalid: An string set  may not be empty"),
        ({"NS": []}, "One or more parameter values were invalid: An number set  may not be empty"),
        ({"BS": []}, "One or more parameter values were invalid: Binary sets should not be empty"),
        (
            {"SS": ["a", None]},
            "One or more parameter values were invalid: An string set may not have a null string as a member",
        ),
        (
            {"SS": ["a", "b", "a"]},
            "One or more parameter values were invalid: Input collection [a, b, a] contains duplicates.",
        ),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        (
            {"BS": ["AQ==", "AQ=="]},
            "One or more parameter values were invalid: Input collection [AQ==, AQ==]of type BS contains duplicates.",
        ),
        (
            {"NULL": False},
            "One or more parameter values were invalid: Null attribute value types must have the value of true",
        ),
        ({"M": {"": {"S": "a"}}}, "Empty attribute name"),
        ({"N": "x"}, "The parameter cannot be converted to a numeric value: x"),
    ],
)
def test_impossible_values_are_refused_in_awss_words(value: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normalise(value)
    assert refused.value.message == complaint


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"N": True}, "TRUE_VALUE cannot be converted to String"),
        ({"S": []}, "Unrecognized collection type class java.lang.String"),
        ({"S": {}}, "Start of structure or map found where not expected"),
        ({"BOOL": "maybe"}, "Unexpected token received from parser"),
        ({"BOOL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"B": 1}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": "abc"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ({"B": "AR=="}, "Invalid last non-pad Base64 character dectected"),
        ({"SS": "a"}, "Unexpected field type"),
        ({"L": {}}, "Start of structure or map found where not expected"),
        ({"M": 1}, "Unexpected field type"),
        ({"L": ["a"]}, "Unexpected value type in payload"),
    ],
)
def test_wrong_json_types_are_serialization_errors(value: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SerializationError) as refused:
        normalise(value)
    assert refused.value.message == complaint


@pytest.mark.parametrize("kind", ["L", "M"])
def test_32_levels_are_stored_and_33_are_not(kind: str) -> None:
    assert nesting_of(normalise(nested(32, kind))) == 32
    with pytest.raises(ValidationError, match="Nesting Levels have exceeded supported limits"):
        normalise(nested(33, kind))


def test_words_for_booleans_are_understood() -> None:
    assert [normalise({"BOOL": word}) for word in ("true", "YES", "0")] == [
        {"BOOL": True},
        {"BOOL": True},
        {"BOOL": False},
    ]


@given(values)
def test_a_value_equals_its_copy(value: dict[str, Any]) -> None:
    assert equal(value, deepcopy(value))


@given(values, values)
def test_equality_is_symmetric_and_equal_values_are_equally_large(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert equal(left, right) == equal(right, left)
    if equal(left, right):
        assert size_of(left) == size_of(right)


def test_sets_are_equal_in_any_order_at_any_depth() -> None:
    assert equal({"L": [{"M": {"x": {"SS": ["a", "b"]}}}]}, {"L": [{"M": {"x": {"SS": ["b", "a"]}}}]})
    assert not equal({"SS": ["a", "b"]}, {"SS": ["a", "c"]})
    assert not equal({"L": [{"N": "1"}, {"N": "2"}]}, {"L": [{"N": "2"}, {"N": "1"}]})
    assert not equal({"N": "1"}, {"S": "1"})


def test_strings_order_by_code_point_and_binaries_by_unsigned_byte() -> None:
    assert rank({"S": "\uffff"}) < rank({"S": "\U00010000"})  # UTF-16 would have it the other way round
    assert rank({"B": "fw=="}) < rank({"B": "gA=="})
    assert rank({"N": "9"}) < rank({"N": "10.5"})


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é"}, 2),
        ({"S": ""}, 0),
        ({"B": ""}, 0),
        ({"B": "AQ=="}, 1),
        ({"B": "AQI="}, 2),
        ({"B": "AQID"}, 3),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "100"]}, 4),
        ({"L": []}, 3),
        ({"L": [{"S": "abc"}, {"N": "1"}]}, 3 + 2 + 3 + 2),
        ({"M": {}}, 3),
        ({"M": {"ab": {"S": "abc"}}}, 3 + 1 + 2 + 3),
    ],
)
def test_sizes_are_dynamodbs(value: dict[str, Any], size: int) -> None:
    assert size_of(value) == size


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    assert item_size({"pk": {"S": "key"}, "é": {"BOOL": True}}) == 2 + 3 + 2 + 1


@given(items, number_texts())
def test_an_image_is_never_shorter_than_its_items_size(item: Item, number: str) -> None:
    """PutItem counts an item's size only when its image is over the limit."""
    normalised = normalise_item(item | {"number": {"N": number}})
    assert len(encode_image(normalised)) >= item_size(normalised)
