"""Whether keys fit their schema, in AWS's words. Items here are normalised; what a value may be was checked before."""

from collections.abc import Mapping
from typing import Any

from stator.model.attributes import kind_of, size_of
from stator.model.errors import ValidationError
from stator.model.item import Item
from stator.model.tables import Index, KeySchema, Table

HASH_BYTES_MAX = 2048
RANGE_BYTES_MAX = 1024
"""Source: AWS developer guide, "Quotas": partition key and sort key values."""

_INVALID = "One or more parameter values were invalid: "
_NOT_VALID = "One or more parameter values are not valid. "


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
    for index in table.indexes:
        check_index_key(index, item)
    check_key_values(table.key, item)


def check_key(key: KeySchema, given: Mapping[str, Any]) -> None:
    """A key as a client names it: exactly the schema's attributes, with their types."""
    if set(given) != set(key.names) or any(kind_of(given[part.name]) != part.type for part in key.attributes):
        raise ValidationError("The provided key element does not match the schema")
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
    if size_of(item[key.partition.name]) > HASH_BYTES_MAX:
        raise ValidationError(f"{_INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes")
    if key.sort is not None and size_of(item[key.sort.name]) > RANGE_BYTES_MAX:
        raise ValidationError(f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes")


def check_index_key(index: Index, item: Mapping[str, Any]) -> None:
    """An item may lack an index's key attributes, but one that it has must be of the right type and not empty."""
    for attribute in index.key.attributes:
        value = item.get(attribute.name)
        if value is None:
            continue
        kind = kind_of(value)
        if kind != attribute.type:
            raise ValidationError(
                f"{_INVALID}Type mismatch for Index Key {attribute.name} Expected: {attribute.type} Actual: {kind}"
                f" IndexName: {index.name}"
            )
        if value[kind] == "":
            word = "string" if kind == "S" else "binary"
            raise ValidationError(
                f"{_NOT_VALID}A value specified for a secondary index key is not supported. The AttributeValue for a key"
                f" attribute cannot contain an empty {word} value. IndexName: {index.name}, IndexKey: {attribute.name}"
            )
