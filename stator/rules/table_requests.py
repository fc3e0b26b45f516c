"""What CreateTable asks for, as a `Table`, or why it may not be, in AWS's words. Shapes were validated before; this is meaning.

Source: AWS API reference, CreateTable; texts as AWS gives them.
"""

from collections.abc import Sequence
from typing import Any

from stator.model.errors import ValidationError
from stator.model.positions import TimestampUs
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection, RestoreOrigin, Stream, Table, Throughput
from stator.rules.stream_labels import stream_label
from stator.rules.table_tags import tags_of

INDEXES_MAX = 20
"""Global secondary indexes per table. Source: AWS developer guide, "Quotas"."""

_KEY_PARTS_MAX = 2
_INVALID = "One or more parameter values were invalid: "


def new_table(request: dict[str, Any], table_id: str, now_us: int) -> Table:
    """The table that a CreateTable request describes, still without partitions.

    Raises ValidationError.
    """
    types = _types(request.get("AttributeDefinitions") or [])
    key_names = _key_names(request.get("KeySchema") or [])
    _check_defined(key_names, types)
    if request.get("LocalSecondaryIndexes"):
        raise ValidationError(f"{_INVALID}LocalSecondaryIndexes are not supported yet")
    on_demand, throughput = _billing(request)
    indexes = _indexes(request.get("GlobalSecondaryIndexes"), types, on_demand=on_demand)
    used = {*key_names, *(name for index in indexes for name in index.key.names)}
    if used != set(types):
        if not indexes:
            raise ValidationError(
                f"{_INVALID}Number of attributes in KeySchema does not exactly match number of attributes defined in"
                " AttributeDefinitions"
            )
        raise ValidationError(
            f"{_INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: {_list(types)}, keys used:"
            f" {_list(sorted(used))}"
        )
    return Table(
        table_id=table_id,
        name=request["TableName"],
        status="CREATING",
        created_us=TimestampUs(now_us),
        key=_schema(key_names, types),
        partitions=(),
        indexes=indexes,
        stream=_stream(request.get("StreamSpecification"), now_us),
        on_demand=on_demand,
        throughput=throughput,
        on_demand_max=on_demand_max(request.get("OnDemandThroughput") or {}, Throughput(), on_demand=on_demand),
        deletion_protection=request.get("DeletionProtectionEnabled") is True,
        table_class=request.get("TableClass") or "",
        tags=tags_of(request.get("Tags") or ()),
    )


def restored_table(
    request: dict[str, Any], source: Table, table_id: str, now_us: int, timestamp_us: TimestampUs
) -> Table:
    """The table that a restore makes: the source's keys and (unless overridden) indexes and billing; no stream, no point-in-time
    recovery, no tags, as in AWS. Still without partitions.
    """
    on_demand, throughput = source.on_demand, source.throughput
    if request.get("BillingModeOverride") is not None:
        override = {
            "BillingMode": request["BillingModeOverride"],
            "ProvisionedThroughput": request.get("ProvisionedThroughputOverride"),
        }
        on_demand, throughput = _billing(override)
    indexes = source.indexes
    override_indexes = request.get("GlobalSecondaryIndexOverride")
    if override_indexes is not None:
        kept = {index["IndexName"] for index in override_indexes}
        unknown = kept - {index.name for index in source.indexes}
        if unknown:
            raise ValidationError(f"{_INVALID}Index not found in the source table: {_list(sorted(unknown))}")
        indexes = tuple(index for index in source.indexes if index.name in kept)
    return Table(
        table_id=table_id,
        name=request["TargetTableName"],
        status="CREATING",
        created_us=TimestampUs(now_us),
        key=source.key,
        partitions=(),
        indexes=indexes,
        on_demand=on_demand,
        throughput=throughput,
        table_class=source.table_class,
        restore=RestoreOrigin(source.table_id, source.name, source.partitions, timestamp_us),
    )


def _types(definitions: Sequence[dict[str, str]]) -> dict[str, Any]:
    types: dict[str, Any] = {}
    for definition in definitions:
        name = definition["AttributeName"]
        if name in types:
            raise ValidationError(f"{_INVALID}Duplicate AttributeName in AttributeDefinitions: {name}")
        types[name] = definition["AttributeType"]
    return types


def _key_names(schema: Sequence[dict[str, str]]) -> tuple[str, ...]:
    if not schema or schema[0]["KeyType"] != "HASH":
        raise ValidationError("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) > _KEY_PARTS_MAX:
        raise ValidationError(
            f"Invalid KeySchema: at most a HASH and a RANGE key are supported, not {len(schema)} elements"
        )
    if len(schema) > 1 and schema[1]["KeyType"] != "RANGE":
        raise ValidationError("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    names = tuple(element["AttributeName"] for element in schema)
    if len(set(names)) < len(names):
        raise ValidationError("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    return names


def _check_defined(names: Sequence[str], types: dict[str, Any]) -> None:
    if any(name not in types for name in names):
        raise ValidationError(
            f"{_INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: {_list(names)},"
            f" AttributeDefinitions: {_list(types)}"
        )


def _schema(names: Sequence[str], types: dict[str, Any]) -> KeySchema:
    attributes = [KeyAttribute(name, types[name]) for name in names]
    return KeySchema(*attributes)


def _billing(request: dict[str, Any]) -> tuple[bool, Throughput]:
    given = request.get("ProvisionedThroughput")
    if request.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        if given is not None:
            raise ValidationError(
                f"{_INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is"
                " PAY_PER_REQUEST"
            )
        return True, Throughput()
    if given is None:
        raise ValidationError(
            f"{_INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    return False, _throughput(given)


def on_demand_max(given: dict[str, int], current: Throughput, *, on_demand: bool) -> Throughput:
    """The OnDemandThroughput that a request asks for: what it does not name stays, -1 takes a limit away."""
    found = {"MaxReadRequestUnits": current.read, "MaxWriteRequestUnits": current.write}
    for name, units in given.items():
        if not on_demand:
            raise ValidationError(
                f"{_INVALID}{name} for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
            )
        if units == 0 or units < -1:
            raise ValidationError(
                f"{_INVALID}Requested {name} for OnDemandThroughput for table is outside of valid range"
            )
        found[name] = max(units, 0)
    return Throughput(*found.values())


def _throughput(given: dict[str, int]) -> Throughput:
    return Throughput(given["ReadCapacityUnits"], given["WriteCapacityUnits"])


def _indexes(given: list[dict[str, Any]] | None, types: dict[str, Any], *, on_demand: bool) -> tuple[Index, ...]:
    if given is None:
        return ()
    if not given:
        raise ValidationError(f"{_INVALID}List of GlobalSecondaryIndexes is empty")
    if len(given) > INDEXES_MAX:
        raise ValidationError(f"{_INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {INDEXES_MAX}")
    indexes: list[Index] = []
    for index in given:
        name = index["IndexName"]
        if any(known.name == name for known in indexes):
            raise ValidationError(f"{_INVALID}Duplicate index name: {name}")
        names = _key_names(index["KeySchema"])
        _check_defined(names, types)
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
                _schema(names, types),
                _projection(index["Projection"]),
                throughput=Throughput() if throughput is None else _throughput(throughput),
            )
        )
    return tuple(indexes)


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


def _stream(given: dict[str, Any] | None, now_us: int) -> Stream | None:
    if given is None:
        return None
    view_type = given.get("StreamViewType")
    if not given["StreamEnabled"]:
        if view_type is not None:
            raise ValidationError(
                f"{_INVALID}Table is being created with a stream disabled, UpdateViewType should not be specified"
            )
        return None
    if view_type is None:
        raise ValidationError(f"{_INVALID}Table is being created with a stream enabled, UpdateViewType is required")
    return Stream(view_type, stream_label(now_us))


def _list(names: Sequence[str] | dict[str, Any]) -> str:
    return "[" + ", ".join(names) + "]"
