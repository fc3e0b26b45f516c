"""What may stand in an index's key attributes: a row that no view can hold must never reach an index's log."""

from typing import Any

import pytest

from stator.expressions.update_grammar import read_update
from stator.model.errors import ValidationError
from stator.model.item import encode_image
from stator.model.positions import TimestampUs
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection, Table
from stator.rules.index_changes import index_row
from stator.rules.key_checks import (
    HASH_BYTES_MAX,
    RANGE_BYTES_MAX,
    check_index_updates,
    check_new_item,
    check_scalar_keys,
    index_key_fault,
    index_key_limits,
)

KEY = KeySchema(KeyAttribute("pk", "S"))
BY_X = Index("by-x", KeySchema(KeyAttribute("x", "S"), KeyAttribute("y", "B")), Projection("ALL"))
BY_Y = Index("by-y", KeySchema(KeyAttribute("y", "B"), KeyAttribute("x", "S")), Projection("ALL"))
TABLE = Table("id", "orders", "ACTIVE", TimestampUs(0), KEY, (), (BY_X,))
Y = {"B": "AQ=="}


def text(size: int) -> dict[str, str]:
    return {"S": "x" * size}


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"x": text(HASH_BYTES_MAX + 1)}, "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        ({"y": {"B": "AAAA" * 342}}, "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"),
    ],
)
def test_an_item_with_too_long_an_index_key_is_refused_even_outside_the_index(extra: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        check_new_item(TABLE, {"pk": {"S": "a"}, **extra})


def test_index_keys_of_the_greatest_size_pass() -> None:
    check_new_item(TABLE, {"pk": {"S": "a"}, "x": text(HASH_BYTES_MAX), "y": {"B": "AAAA" * 341}})


@pytest.mark.parametrize(("size", "held"), [(HASH_BYTES_MAX, True), (HASH_BYTES_MAX + 1, False), (0, False)])
def test_an_index_passes_over_an_item_whose_value_could_be_no_key(size: int, *, held: bool) -> None:
    image = encode_image({"pk": {"S": "a"}, "x": text(size), "y": Y})
    assert (index_row(b"key", image, BY_X, KEY) is not None) is held


def test_an_attribute_that_keys_two_indexes_keeps_to_the_narrower_limit() -> None:
    limits = index_key_limits((BY_X, BY_Y))
    assert limits == {"x": ("S", RANGE_BYTES_MAX), "y": ("B", RANGE_BYTES_MAX)}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"x": {"N": "1"}}, "secondary index key to unsupported type"),
        ({"x": {"S": ""}}, "cannot contain an empty string value"),
        ({"y": {"B": ""}}, "cannot contain an empty binary value"),
        ({"x": text(HASH_BYTES_MAX + 1)}, "Size of hashkey"),
        ({"y": {"B": "AAAA" * 342}}, "Aggregated size of all range keys"),
    ],
)
def test_an_updated_item_is_refused_for_what_its_index_keys_became(item: dict[str, Any], said: str) -> None:
    assert said in str(index_key_fault(index_key_limits((BY_X,)), item))


def test_no_document_path_leads_into_a_key() -> None:
    said = r"Key attributes must be scalars; list random access '\[\]' and map lookup '\.' are not allowed:"
    with pytest.raises(ValidationError, match=f"{said} Key: pk"):
        check_scalar_keys(TABLE, ["note", "pk"])
    with pytest.raises(ValidationError, match=f"{said} IndexKey: y"):
        check_scalar_keys(TABLE, ["y"])
    check_scalar_keys(TABLE, ["note"])


def test_an_updated_item_with_good_index_keys_or_none_passes() -> None:
    limits = index_key_limits((BY_X,))
    assert index_key_fault(limits, {"x": text(HASH_BYTES_MAX), "y": Y}) is None
    assert index_key_fault(limits, {"other": {"S": ""}}) is None


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("SET x = :n", "Type mismatch for Index Key x Expected: S Actual: N IndexName: by-x"),
        ("SET note = :n ADD #y :n", "Type mismatch for Index Key y Expected: B Actual: N IndexName: by-x"),
    ],
)
def test_an_update_is_refused_for_the_literals_it_puts_into_index_keys(expression: str, said: str) -> None:
    update = read_update(expression, "UpdateExpression")
    with pytest.raises(ValidationError) as refused:
        check_index_updates((BY_X,), update, {"#y": "y"}, {":n": {"N": "1"}})
    assert said in refused.value.message


@pytest.mark.parametrize("expression", ["SET x = :s, note = :n", "SET x = note", "REMOVE x", "SET note.x = :n"])
def test_updates_of_index_keys_that_may_turn_out_well_pass(expression: str) -> None:
    update = read_update(expression, "UpdateExpression")
    check_index_updates((BY_X,), update, {}, {":n": {"N": "1"}, ":s": {"S": "a"}})
