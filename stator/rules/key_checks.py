"""Whether keys fit their schema, in AWS's words. Items here are normalised; what a value may be was checked before."""

from collections.abc import Iterable, Mapping
from typing import Any

from stator.expressions.ast import Add, SetTo, Update, ValueRef
from stator.expressions.key_conditions import KeyRange
from stator.expressions.paths import resolve
from stator.model.attributes import AttributeValue, kind_of, size_of
from stator.model.errors import ValidationError
from stator.model.item import Item
from stator.model.tables import KeyAttribute, KeySchema, SecondaryIndex, Table

HASH_BYTES_MAX = 2048
RANGE_BYTES_MAX = 1024
"""Source: AWS developer guide, "Quotas": partition key and sort key values."""

_INVALID = "One or more parameter values were invalid: "
_MISMATCH = "The provided key element does not match the schema"
_NOT_VALID = "One or more parameter values are not valid. "
_NOT_SCALAR = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed:"
_HASH_TOO_LONG = f"{_INVALID}Size of hashkey has exceeded the maximum size limit of{HASH_BYTES_MAX} bytes"
_RANGE_TOO_LONG = f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of {RANGE_BYTES_MAX} bytes"


def check_new_item(table: Table, item: Item) -> None:
    """A whole item may be stored: it has the table's key, and no index key of a wrong type."""
    for attribute in table.key.attributes:
        if attribute.name not in item:
            raise ValidationError(f"{_INVALID}Missing the key {attribute.name} in the item")
        kind = kind_of(item[attribute.name])
        if kind != attribute.type:
            raise ValidationError(
                f"{_INVALID}Type mismatch for key {attribute.name} expected: {attribute.type} actual: {kind}"
            )
    for index in table.secondary_indexes:
        check_index_key(index, item)
    check_key_values(table.key, item)


def check_own_key(key: KeySchema, item: Item) -> None:
    """A whole item has a key, in the words in which AWS refuses a batch's (those of `check_new_item` are PutItem's)."""
    if any(attribute.type not in item.get(attribute.name, ()) for attribute in key.attributes):
        raise ValidationError(_MISMATCH)


def check_key(key: KeySchema, given: Mapping[str, Any]) -> None:
    """A key as a client names it: exactly the schema's attributes, with their types."""
    if set(given) != set(key.names) or any(kind_of(given[part.name]) != part.type for part in key.attributes):
        raise ValidationError(_MISMATCH)
    check_key_values(key, given)


def check_key_values(key: KeySchema, item: Mapping[str, Any]) -> None:
    """Key values are not empty and not too long."""
    for attribute in key.attributes:
        value = item[attribute.name]
        if value[attribute.type] == "":
            kind = "string" if attribute.type == "S" else "binary"
            raise ValidationError(
                f"{_NOT_VALID}The AttributeValue for a key attribute cannot contain an empty {kind} value."
                f" Key: {attribute.name}"
            )
    _check_sizes(key, item)


def check_sort_values(asked: KeyRange) -> None:
    """A query compares with no longer sort key than there can be."""
    if asked.sort is not None and any(size_of(value) > RANGE_BYTES_MAX for value in asked.sort.values):
        raise ValidationError(_RANGE_TOO_LONG)


def check_index_key(index: SecondaryIndex, item: Mapping[str, Any]) -> None:
    """An item may lack an index's key attributes, but one that it has must be of the right type, not empty, not too long."""
    for attribute in index.key.attributes:
        value = item.get(attribute.name)
        if value is None:
            continue
        kind = kind_of(value)
        if kind != attribute.type:
            raise _index_mismatch(index, attribute, kind)
        if value[kind] == "":
            word = "string" if kind == "S" else "binary"
            raise ValidationError(
                f"{_NOT_VALID}A value specified for a secondary index key is not supported. The AttributeValue for a key"
                f" attribute cannot contain an empty {word} value. IndexName: {index.name}, IndexKey: {attribute.name}"
            )
    _check_sizes(index.key, item)


def check_scalar_keys(table: Table, entered: Iterable[str]) -> None:
    """No document path leads into a key; `entered`: the attributes into which paths lead."""
    for name in entered:
        if name in table.key.names:
            raise ValidationError(f"{_NOT_SCALAR} Key: {name}")
        if any(name in index.key.names for index in table.secondary_indexes):
            raise ValidationError(f"{_NOT_SCALAR} IndexKey: {name}")


def check_index_updates(
    indexes: tuple[SecondaryIndex, ...], update: Update, names: Mapping[str, str], values: Mapping[str, AttributeValue]
) -> None:
    """What an update writes into index keys as it stands in the request has their types.

    What comes out of the item instead is known only where it is evaluated (`rules/decide.py`).
    """
    for index in indexes:
        for attribute in index.key.attributes:
            for action in update.actions:
                if not isinstance(action, SetTo | Add) or not isinstance(action.value, ValueRef):
                    continue
                kind = kind_of(values[action.value.name])
                if resolve(action.path, names) == (attribute.name,) and kind != attribute.type:
                    raise _index_mismatch(index, attribute, kind)


def index_key_limits(indexes: tuple[SecondaryIndex, ...]) -> dict[str, tuple[str, int]]:
    """Attributes that are keys of an index: their type, and how many bytes they may have in all indexes they key."""
    limits: dict[str, tuple[str, int]] = {}
    for index in indexes:
        for attribute, bytes_max in zip(index.key.attributes, (HASH_BYTES_MAX, RANGE_BYTES_MAX), strict=False):
            _, other_max = limits.get(attribute.name, (attribute.type, bytes_max))
            limits[attribute.name] = (attribute.type, min(bytes_max, other_max))
    return limits


def index_key_fault(limits: Mapping[str, tuple[str, int]], item: Mapping[str, Any]) -> str | None:
    """Why an updated item cannot be in the indexes with these `index_key_limits`; None if it can."""
    for name, (kind, bytes_max) in limits.items():
        value = item.get(name)
        if value is None:
            continue
        if kind not in value:
            return "The update expression attempted to update the secondary index key to unsupported type"
        if value[kind] == "":
            return (
                f"{_NOT_VALID}The update expression attempted to update a secondary index key to a value that is not supported."
                f" The AttributeValue for a key attribute cannot contain an empty {'string' if kind == 'S' else 'binary'} value."
            )
        if size_of(value) > bytes_max:
            return _HASH_TOO_LONG if bytes_max == HASH_BYTES_MAX else _RANGE_TOO_LONG
    return None


def _check_sizes(key: KeySchema, item: Mapping[str, Any]) -> None:
    if key.partition.name in item and size_of(item[key.partition.name]) > HASH_BYTES_MAX:
        raise ValidationError(_HASH_TOO_LONG)
    if key.sort is not None and key.sort.name in item and size_of(item[key.sort.name]) > RANGE_BYTES_MAX:
        raise ValidationError(_RANGE_TOO_LONG)


def _index_mismatch(index: SecondaryIndex, attribute: KeyAttribute, kind: str) -> ValidationError:
    return ValidationError(
        f"{_INVALID}Type mismatch for Index Key {attribute.name} Expected: {attribute.type} Actual: {kind}"
        f" IndexName: {index.name}"
    )
