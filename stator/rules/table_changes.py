"""What UpdateTable, UpdateTimeToLive and DeleteTable make of a table, or why they may not, in AWS's words.

Not to break: whatever the table's own logs must know of (its stream, its time to live) goes through `revised`, or they would
never be told. Source: AWS API reference, UpdateTable, UpdateTimeToLive; texts as AWS answers.
"""

from collections.abc import Collection
from typing import Any

from stator.model.errors import LimitExceededError, ResourceNotFoundError, ValidationError
from stator.model.positions import TimestampUs
from stator.model.tables import EndedStream, Index, Stream, Table, Throughput
from stator.rules.stream_labels import labels_of, unused_label
from stator.rules.table_requests import on_demand_max

_INVALID = "One or more parameter values were invalid: "
_SUPPORTED = (
    "ProvisionedThroughput",
    "BillingMode",
    "StreamSpecification",
    "GlobalSecondaryIndexUpdates",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "TableClass",
)
_UNSUPPORTED = (
    "SSESpecification",
    "ReplicaUpdates",
    "MultiRegionConsistency",
    "WarmThroughput",
    "GlobalTableWitnessUpdates",
    "GlobalTableSettingsReplicationMode",
    "VectorIndexUpdates",
)
_ALONE = {"TableClass": "TableClass", "DeletionProtectionEnabled": "DeletionProtection"}
_NOTHING_ASKED = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates,"
    " SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency,"
    " DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
)


def revised(before: Table, after: Table) -> Table:
    """`after`, as the catalog is to hold it: with a new revision that the logs are owed if they must know of the change."""
    if (before.stream, before.ttl_attribute) == (after.stream, after.ttl_attribute):
        return after
    return after.evolve(revision=before.revision + 1, settled=False)


# --- DeleteTable ---------------------------------------------------------------------------------------------


def leaving(table: Table, now_us: int) -> Table:
    """The table on its way out. Its stream ends as if it were switched off, so that what it carried can be read for a day."""
    out = table.evolve(status="DELETING")
    return out if table.stream is None else revised(table, _without_stream(out, table.stream, now_us))


# --- UpdateTimeToLive ----------------------------------------------------------------------------------------


def with_time_to_live(table: Table, attribute: str, *, enabled: bool) -> Table:
    """The table with its time to live switched on or off. Raises ValidationError."""
    current = table.ttl_attribute
    if current and current != attribute:
        raise ValidationError(f"TimeToLive is active on a different AttributeName: current AttributeName is {current}")
    if enabled == bool(current):
        raise ValidationError(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    return table.evolve(ttl_attribute=attribute if enabled else "")


# --- UpdateTable ---------------------------------------------------------------------------------------------


def check_update(request: dict[str, Any]) -> None:
    """Whether a request asks for anything, and for nothing that excludes the rest. Raises ValidationError, LimitExceededError."""
    unsupported = [name for name in _UNSUPPORTED if request.get(name) not in (None, [])]
    if unsupported:
        raise ValidationError(f"{_INVALID}{unsupported[0]} is not supported yet")
    asked = {name for name in _SUPPORTED if request.get(name) not in (None, [])}
    if not asked:
        raise ValidationError(_NOTHING_ASKED)
    for name, shown in _ALONE.items():
        if name in asked and len(asked) > 1:
            raise ValidationError(f"{_INVALID}{shown} modification must be the only operation in the request")
    if "OnDemandThroughput" in asked and not asked <= {"OnDemandThroughput", "BillingMode"}:
        raise ValidationError(
            f"{_INVALID}OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"
        )
    if "StreamSpecification" in asked and asked & {"ProvisionedThroughput", "BillingMode"}:
        raise ValidationError(f"{_INVALID}You cannot modify stream status while updating table IOPS")
    _check_index_updates(request.get("GlobalSecondaryIndexUpdates") or ())


def _check_index_updates(updates: Any) -> None:
    made_or_removed = 0
    for update in updates:
        actions = [name for name in ("Create", "Update", "Delete") if name in update]
        if not actions:
            raise ValidationError(
                f"{_INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create,"
                " GlobalSecondaryIndexUpdate.Delete must not be null"
            )
        if len(actions) > 1:
            raise ValidationError(
                f"{_INVALID}Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"
            )
        made_or_removed += actions[0] != "Update"
    if made_or_removed > 1:
        raise LimitExceededError(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
        )
    if made_or_removed:
        raise ValidationError(f"{_INVALID}Creating and deleting a GlobalSecondaryIndex is not supported yet")


def updated_table(request: dict[str, Any], table: Table, now_us: int, used_labels: Collection[str] = ()) -> Table:
    """The table as a checked request wants it. `used_labels`: of streams of its predecessors.

    Raises ValidationError, ResourceNotFoundError (no such index).
    """
    changed = _with_billing(request, table, now_us)
    if "StreamSpecification" in request:
        changed = _with_stream(request["StreamSpecification"], changed, now_us, used_labels)
    if "DeletionProtectionEnabled" in request:
        changed = changed.evolve(deletion_protection=request["DeletionProtectionEnabled"])
    if "TableClass" in request:
        changed = changed.evolve(table_class=request["TableClass"])
    return changed


def _with_billing(request: dict[str, Any], table: Table, now_us: int) -> Table:
    mode, units = request.get("BillingMode"), request.get("ProvisionedThroughput")
    on_demand = table.on_demand if mode is None else mode == "PAY_PER_REQUEST"
    asked = {
        update["Update"]["IndexName"]: update["Update"].get("ProvisionedThroughput")
        for update in request.get("GlobalSecondaryIndexUpdates") or ()
    }
    for name in asked:
        if table.index(name) is None:
            raise ResourceNotFoundError(f"Requested resource not found: Index {name} for table {table.name}")
    if on_demand:
        if units is not None or any(asked.values()):
            raise ValidationError(
                f"{_INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is"
                " PAY_PER_REQUEST"
            )
        changed = _on_demand(table, now_us)
    else:
        changed = _provisioned(table, units, asked)
    if "OnDemandThroughput" in request:
        given = on_demand_max(request["OnDemandThroughput"], changed.on_demand_max, on_demand=on_demand)
        changed = changed.evolve(on_demand_max=given)
    return changed


def _on_demand(table: Table, now_us: int) -> Table:
    if table.on_demand:
        return table
    indexes = tuple(index.provided(Throughput()) for index in table.indexes)
    return table.evolve(
        on_demand=True, throughput=Throughput(), indexes=indexes, on_demand_since_us=TimestampUs(now_us)
    )


def _provisioned(table: Table, units: dict[str, int] | None, asked: dict[str, dict[str, int] | None]) -> Table:
    if units is None and table.on_demand:
        raise ValidationError(f"{_INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    changed = table
    if units is not None:
        wanted = Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"])
        if wanted == table.throughput:
            raise ValidationError(_unchanged("table", table.throughput))
        changed = changed.evolve(throughput=wanted)
    if table.on_demand:
        # The description goes on telling when the table was last switched to on-demand, as AWS's does.
        since_us = table.on_demand_since_us or table.created_us
        changed = changed.evolve(on_demand=False, on_demand_since_us=since_us, on_demand_max=Throughput())
    return changed.evolve(indexes=tuple(_provisioned_index(index, asked) for index in changed.indexes))


def _provisioned_index(index: Index, asked: dict[str, dict[str, int] | None]) -> Index:
    units = asked.get(index.name)
    if units is None:
        if index.name in asked or index.throughput == Throughput():
            raise ValidationError(f"{_INVALID}ProvisionedThroughput must be specified for index: {index.name}")
        return index
    wanted = Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"])
    if wanted == index.throughput:
        raise ValidationError(_unchanged(f"index {index.name}", wanted))
    return index.provided(wanted)


def _unchanged(what: str, units: Throughput) -> str:
    return (
        f"The provisioned throughput for the {what} will not change. The requested value equals the current value."
        f" Current ReadCapacityUnits provisioned for the {what}: {units.read}. Requested ReadCapacityUnits: {units.read}."
        f" Current WriteCapacityUnits provisioned for the {what}: {units.write}. Requested WriteCapacityUnits: {units.write}."
        " Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    )


def _with_stream(given: dict[str, Any], table: Table, now_us: int, used_labels: Collection[str]) -> Table:
    view_type = given.get("StreamViewType")
    if given["StreamEnabled"]:
        if view_type is None:
            raise ValidationError(f"{_INVALID}If stream is being enabled then UpdateViewType is required")
        if table.stream is not None:
            raise ValidationError(f"Table already has an enabled stream: TableName: {table.name}")
        return table.evolve(stream=Stream(view_type, unused_label(now_us, {*used_labels, *labels_of([table])})))
    if view_type is not None:
        raise ValidationError(f"{_INVALID}If stream is being disabled, then UpdateViewType must not be specified")
    if table.stream is None:
        raise ValidationError(f"Table has no stream to disable: TableName: {table.name}")
    return _without_stream(table, table.stream, now_us)


def _without_stream(table: Table, stream: Stream, now_us: int) -> Table:
    ended = EndedStream(stream.view_type, stream.label, TimestampUs(now_us))
    return table.evolve(stream=None, ended_streams=(*table.ended_and_readable(now_us), ended))
