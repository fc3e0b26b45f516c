"""What CreateTable asks for, as a `Table`, or why it may not be, in AWS's words. Shapes were validated before; this is meaning.

Source: AWS API reference, CreateTable; texts as AWS gives them.
"""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from stator.model.errors import ValidationError
from stator.model.positions import TimestampUs
from stator.model.tables import Index, LocalIndex, RestoreOrigin, SecondaryIndex, Stream, Table, Throughput
from stator.rules.index_requests import (
    check_defined,
    check_together,
    global_indexes,
    key_names,
    key_schema,
    listed,
    local_indexes,
    provisioned_units,
)
from stator.rules.stream_labels import unused_label
from stator.rules.table_tags import tags_of

_AnyIndex = TypeVar("_AnyIndex", Index, LocalIndex)

_INVALID = "One or more parameter values were invalid: "


def new_table(request: dict[str, Any], table_id: str, now_us: int, used_labels: Collection[str] = ()) -> Table:
    """The table that a CreateTable request describes, still without partitions. `used_labels`: of streams of its predecessors.

    Raises ValidationError.
    """
    types = _types(request.get("AttributeDefinitions") or [])
    names = key_names(request.get("KeySchema") or [])
    check_defined(names, types)
    key = key_schema(names, types)
    on_demand, throughput = _billing(request)
    local = local_indexes(request.get("LocalSecondaryIndexes"), key, types)
    indexes = global_indexes(request.get("GlobalSecondaryIndexes"), types, on_demand=on_demand)
    secondary: tuple[SecondaryIndex, ...] = (*local, *indexes)
    check_together(secondary)
    used = {*names, *(name for index in secondary for name in index.key.names)}
    if used != set(types):
        if not secondary:
            raise ValidationError(
                f"{_INVALID}Number of attributes in KeySchema does not exactly match number of attributes defined in"
                " AttributeDefinitions"
            )
        raise ValidationError(
            f"{_INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: {listed(types)}, keys used:"
            f" {listed(sorted(used))}"
        )
    return Table(
        table_id=table_id,
        name=request["TableName"],
        status="CREATING",
        created_us=TimestampUs(now_us),
        key=key,
        partitions=(),
        indexes=indexes,
        local_indexes=local,
        stream=_stream(request.get("StreamSpecification"), now_us, used_labels),
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
    return Table(
        table_id=table_id,
        name=request["TargetTableName"],
        status="CREATING",
        created_us=TimestampUs(now_us),
        key=source.key,
        partitions=(),
        indexes=_kept(source.indexes, request.get("GlobalSecondaryIndexOverride")),
        local_indexes=_kept(source.local_indexes, request.get("LocalSecondaryIndexOverride")),
        on_demand=on_demand,
        throughput=throughput,
        table_class=source.table_class,
        restore=RestoreOrigin(source.table_id, source.name, source.partitions, timestamp_us),
    )


def _kept(indexes: tuple[_AnyIndex, ...], override: Sequence[dict[str, Any]] | None) -> tuple[_AnyIndex, ...]:
    if override is None:
        return indexes
    kept = {index["IndexName"] for index in override}
    unknown = kept - {index.name for index in indexes}
    if unknown:
        raise ValidationError(f"{_INVALID}Index not found in the source table: {listed(sorted(unknown))}")
    return tuple(index for index in indexes if index.name in kept)


def _types(definitions: Sequence[dict[str, str]]) -> dict[str, Any]:
    types: dict[str, Any] = {}
    for definition in definitions:
        name = definition["AttributeName"]
        if name in types:
            raise ValidationError(f"Attribute Name is duplicated: {name}")
        types[name] = definition["AttributeType"]
    return types


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
    return False, provisioned_units(given)


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


def _stream(given: dict[str, Any] | None, now_us: int, used_labels: Collection[str]) -> Stream | None:
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
    return Stream(view_type, unused_label(now_us, used_labels))
