"""The secondary indexes that a request describes, as values, or why there may not be such, in AWS's words.

Source: AWS API reference, CreateTable; texts as AWS gives them, recorded in dynalite's tests.
"""

from collections.abc import Sequence
from typing import Any

from stator.model.errors import ValidationError
from stator.model.tables import Index, KeyAttribute, KeySchema, LocalIndex, Projection, SecondaryIndex, Throughput

GLOBAL_INDEXES_MAX = 20
LOCAL_INDEXES_MAX = 5
INCLUDED_MAX = 100
"""Attributes that a table's indexes name in their projections, each as often as it is named. Source of all three: AWS developer
guide, "Quotas"."""

_KEY_PARTS_MAX = 2
_INVALID = "One or more parameter values were invalid: "


def key_names(schema: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """The attributes of a KeySchema, partition key first. Raises ValidationError."""
    if not schema or schema[0]["KeyType"] != "HASH":
        raise ValidationError("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) > _KEY_PARTS_MAX:
        raise ValidationError(
            f"Invalid KeySchema: at most {_KEY_PARTS_MAX} elements are supported, a HASH and a RANGE key, not {len(schema)}"
        )
    if len(schema) > 1 and schema[1]["KeyType"] != "RANGE":
        raise ValidationError("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    names = tuple(element["AttributeName"] for element in schema)
    if len(set(names)) < len(names):
        raise ValidationError("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    return names


def check_defined(names: Sequence[str], types: dict[str, Any]) -> None:
    """Key attributes are among the AttributeDefinitions. Raises ValidationError."""
    if any(name not in types for name in names):
        raise ValidationError(
            f"{_INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: {listed(names)},"
            f" AttributeDefinitions: {listed(types)}"
        )


def key_schema(names: Sequence[str], types: dict[str, Any]) -> KeySchema:
    """The key of these attributes, whose names were checked."""
    attributes = [KeyAttribute(name, types[name]) for name in names]
    return KeySchema(*attributes)


def global_indexes(given: list[dict[str, Any]] | None, types: dict[str, Any], *, on_demand: bool) -> tuple[Index, ...]:
    """The GlobalSecondaryIndexes of a request, still without partitions. Raises ValidationError."""
    if given is None:
        return ()
    if not given:
        raise ValidationError(f"{_INVALID}List of GlobalSecondaryIndexes is empty")
    if len(given) > GLOBAL_INDEXES_MAX:
        raise ValidationError(
            f"{_INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}"
        )
    indexes: list[Index] = []
    for index in given:
        name = index["IndexName"]
        names = key_names(index["KeySchema"])
        check_defined(names, types)
        throughput = index.get("ProvisionedThroughput")
        if throughput is None and not on_demand:
            raise ValidationError(
                f"{_INVALID}ProvisionedThroughput must be specified for index: {name} when BillingMode is PROVISIONED"
            )
        if throughput is not None and on_demand:
            raise ValidationError(
                f"{_INVALID}ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
            )
        indexes.append(
            Index(
                name,
                key_schema(names, types),
                _projection(index["Projection"]),
                throughput=Throughput() if throughput is None else provisioned_units(throughput),
            )
        )
    return tuple(indexes)


def local_indexes(
    given: list[dict[str, Any]] | None, table: KeySchema, types: dict[str, Any]
) -> tuple[LocalIndex, ...]:
    """The LocalSecondaryIndexes of a request for a table with the key `table`. Raises ValidationError."""
    if given is None:
        return ()
    if not given:
        raise ValidationError(f"{_INVALID}List of LocalSecondaryIndexes is empty")
    if table.sort is None:
        raise ValidationError(
            f"{_INVALID}Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    indexes: list[LocalIndex] = []
    for index in given:
        name = index["IndexName"]
        names = key_names(index["KeySchema"])
        check_defined(names, types)
        if len(names) < _KEY_PARTS_MAX:
            raise ValidationError(f"{_INVALID}Index KeySchema does not have a range key for index: {name}")
        if names[0] != table.partition.name:
            raise ValidationError(
                f"{_INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}."
                f" index hash key: {names[0]}, table hash key: {table.partition.name}"
            )
        indexes.append(LocalIndex(name, key_schema(names, types), _projection(index["Projection"])))
    if len(indexes) > LOCAL_INDEXES_MAX:
        raise ValidationError(
            f"{_INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_INDEXES_MAX}"
        )
    return tuple(indexes)


def check_together(indexes: Sequence[SecondaryIndex]) -> None:
    """What the indexes of one table may not be together. Raises ValidationError."""
    names: set[str] = set()
    for index in indexes:
        if index.name in names:
            raise ValidationError(f"{_INVALID}Duplicate index name: {index.name}")
        names.add(index.name)
    if sum(len(index.projection.include) for index in indexes) > INCLUDED_MAX:
        raise ValidationError(
            f"{_INVALID}The number of NonKeyAttributes across all secondary indexes exceeds the per-table limit of {INCLUDED_MAX}"
        )


def _projection(given: dict[str, Any]) -> Projection:
    kind = given.get("ProjectionType")
    include = tuple(given.get("NonKeyAttributes") or ())
    if kind is None:
        raise ValidationError(f"{_INVALID}Unknown ProjectionType: null")
    if include and kind != "INCLUDE":
        raise ValidationError(f"{_INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not include:
        raise ValidationError(f"{_INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    for position, name in enumerate(include):
        if name in include[:position]:
            raise ValidationError(f"{_INVALID}Duplicate value in NonKeyAttributes: {name}")
    return Projection(kind, include)


def provisioned_units(given: dict[str, int]) -> Throughput:
    """The ProvisionedThroughput of a request."""
    return Throughput(given["ReadCapacityUnits"], given["WriteCapacityUnits"])


def listed(names: Sequence[str] | dict[str, Any]) -> str:
    """Names as AWS's texts list them."""
    return "[" + ", ".join(names) + "]"
