"""Where a query or a scan goes on: behind the row that ExclusiveStartKey names.

A client may send back only what a query of the same conditions returned; every other key is refused, each in AWS's own words.
A scan has no conditions: there, any key of the table will do.
Source: AWS's answers as recorded in dynalite's and Alternator's tests.
"""

from collections.abc import Mapping
from typing import Any

from stator.expressions.key_conditions import KeyRange
from stator.model.attributes import normalise_item
from stator.model.errors import ValidationError
from stator.model.item import Item
from stator.model.tables import KeySchema, SecondaryIndex
from stator.rules.key_checks import check_key
from stator.rules.key_spans import Span, after_key, contains, span_of

_INVALID = "The provided starting key is invalid"
_OF_VALUES = ("contains duplicates", "number set", "numeric value", "significant digits", "with magnitude")
"""AWS tells these faults of a value as they are; of all others it says first whose they are."""


def normalised_start_key(given: Mapping[str, Any]) -> Item:
    """A start key as a client sent it, its values checked. Raises ValidationError."""
    try:
        return normalise_item(given)
    except ValidationError as error:
        if any(part in error.message for part in _OF_VALUES):
            raise
        raise ValidationError(f"{_INVALID}: {error.message}") from error


def behind(
    start_key: Item, span: Span, asked: KeyRange, base: KeySchema, index: SecondaryIndex | None, *, reverse: bool
) -> Span:
    """What is left of the span of `asked` behind the row of a start key (normalised: the table's key, and the index's).

    `base` is the table's key. Raises ValidationError.
    """
    key = base if index is None else index.key
    if set(start_key) != {*base.names, *key.names}:
        raise ValidationError(_INVALID)
    check_key(key, key.key_of(start_key))
    _check_base_key(base.key_of(start_key), base)
    partition = start_key[key.partition.name]
    if index is None and key.sort is None:
        # There is one item at most, so nothing follows it, and a query never tells where it ended.
        shown = f"{{{key.partition.name}=AttributeValue: {{{key.partition.type}:{partition[key.partition.type]}}}}}"
        raise ValidationError(f"The provided exclusive start key is invalid: ExclusiveStartKey: {shown}")
    base_key = base.item_key(start_key)
    row_key = base_key if index is None else index.row_key(start_key, base_key)
    if not contains(span_of(KeyRange(partition, asked.sort), index=index is not None), row_key):
        raise ValidationError("The provided starting key does not match the range key predicate")
    if partition != asked.partition:
        raise ValidationError(
            "The provided starting key is outside query boundaries based on provided conditions"
            if asked.sort is None
            else "The query can return at most one row and cannot be restarted"
        )
    return after_key(span, row_key, reverse=reverse)


def row_behind(start_key: Item, base: KeySchema, index: SecondaryIndex | None) -> bytes:
    """The row of the table, or of an index, behind which a scan goes on. Raises ValidationError."""
    if index is None:
        _check_base_key(start_key, base)
        return base.item_key(start_key)
    if set(start_key) != {*base.names, *index.key.names}:
        raise ValidationError(_INVALID)
    check_key(index.key, index.key.key_of(start_key))
    _check_base_key(base.key_of(start_key), base)
    return index.row_key(start_key, base.item_key(start_key))


def _check_base_key(key: Item, base: KeySchema) -> None:
    try:
        check_key(base, key)
    except ValidationError as error:
        raise ValidationError(f"{_INVALID}: {error.message}") from error
