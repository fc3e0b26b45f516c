"""Keys that do not fit are refused in AWS's words; nothing is said about anything else."""

from typing import Any

import pytest

from stator.model.errors import ValidationError
from stator.model.positions import TimestampUs
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection, Table
from stator.rules.key_checks import HASH_BYTES_MAX, RANGE_BYTES_MAX, check_key, check_new_item

KEY = KeySchema(KeyAttribute("pk", "S"), KeyAttribute("sk", "B"))
INDEX = Index("by-n", KeySchema(KeyAttribute("n", "N"), KeyAttribute("t", "S")), Projection("ALL"))
TABLE = Table("id", "orders", "ACTIVE", TimestampUs(0), KEY, (), (INDEX,))
GOOD: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"B": "AQ=="}}


def base64_of(size: int) -> str:
    assert size % 3 == 0
    return "AAAA" * (size // 3)


@pytest.mark.parametrize(
    "item",
    [
        GOOD,
        GOOD | {"n": {"N": "1"}},
        GOOD | {"n": {"N": "1"}, "t": {"S": "x"}, "other": {"L": []}},
        GOOD | {"pk": {"S": "x" * HASH_BYTES_MAX}},
        GOOD | {"pk": {"S": "é" * (HASH_BYTES_MAX // 2)}},
        GOOD | {"sk": {"B": base64_of(RANGE_BYTES_MAX - 1)}},
    ],
)
def test_items_with_good_keys_pass(item: dict[str, Any]) -> None:
    check_new_item(TABLE, item)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"pk": {"S": "a"}}, "Missing the key sk in the item"),
        (GOOD | {"pk": {"N": "1"}}, "Type mismatch for key pk expected: S actual: N"),
        (GOOD | {"pk": {"S": ""}}, "cannot contain an empty string value. Key: pk"),
        (GOOD | {"sk": {"B": ""}}, "cannot contain an empty binary value. Key: sk"),
        (
            GOOD | {"pk": {"S": "x" * (HASH_BYTES_MAX + 1)}},
            "Size of hashkey has exceeded the maximum size limit of2048",
        ),
        (GOOD | {"sk": {"B": base64_of(RANGE_BYTES_MAX + 2)}}, "Aggregated size of all range keys has exceeded"),
        (GOOD | {"n": {"S": "1"}}, "Type mismatch for Index Key n Expected: N Actual: S IndexName: by-n"),
        (GOOD | {"t": {"S": ""}}, "cannot contain an empty string value. IndexName: by-n, IndexKey: t"),
        (GOOD | {"t": {"NULL": True}}, "Type mismatch for Index Key t Expected: S Actual: NULL"),
    ],
)
def test_items_with_bad_keys_are_refused(item: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_new_item(TABLE, item)
    assert said in refused.value.message
    assert refused.value.message.startswith("One or more parameter values ")


@pytest.mark.parametrize("key", [{}, {"pk": {"S": "a"}}, GOOD | {"x": {"S": "a"}}, GOOD | {"sk": {"S": "a"}}])
def test_a_key_has_exactly_the_schemas_attributes(key: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"^The provided key element does not match the schema$"):
        check_key(KEY, key)


def test_a_key_that_fits_passes() -> None:
    check_key(KEY, GOOD)
