"""A table as DescribeTable and its relatives show it: JSON members and their values.

Source: AWS API reference, TableDescription, ContinuousBackupsDescription.
"""

from typing import Any

from stator.model.positions import LogId
from stator.model.tables import Index, KeySchema, LocalIndex, Partition, SecondaryIndex, Table, Throughput
from stator.rules.commands import Size
from stator.rules.resource_arns import table_arn

_UNTOLD_WHEN_DELETED = frozenset(
    {"AttributeDefinitions", "KeySchema", "CreationDateTime", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"}
)
DAY_US = 24 * 3600 * 1_000_000


def seconds(timestamp_us: int) -> float:
    """A timestamp as AWS's JSON has it: seconds since 1970, with a fraction."""
    return timestamp_us / 1_000_000


def describe_table(table: Table, sizes: dict[LogId, Size]) -> dict[str, Any]:
    """TableDescription. `sizes`: what the views of the table's logs hold; missing ones count as empty."""
    attributes = {part.name: part.type for key in _keys(table) for part in key.attributes}
    arn = table_arn(table.name)
    shown: dict[str, Any] = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in sorted(attributes.items())
        ],
        "TableName": table.name,
        "KeySchema": _key_schema(table.key),
        "TableStatus": _status(table),
        "CreationDateTime": seconds(table.created_us),
        "ProvisionedThroughput": _throughput(table.throughput),
        **_counts("TableSizeBytes", table.partitions, sizes),
        "TableArn": arn,
        "TableId": table.table_id,
        "DeletionProtectionEnabled": table.deletion_protection,
        "WarmThroughput": _warm(table.throughput, table.status),
    }
    if table.on_demand or table.on_demand_since_us:
        shown["BillingModeSummary"] = {
            "BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED",
            "LastUpdateToPayPerRequestDateTime": seconds(table.on_demand_since_us or table.created_us),
        }
    if table.on_demand_max != Throughput():
        shown["OnDemandThroughput"] = {
            "MaxReadRequestUnits": table.on_demand_max.read or -1,
            "MaxWriteRequestUnits": table.on_demand_max.write or -1,
        }
    if table.table_class:
        shown["TableClassSummary"] = {"TableClass": table.table_class}
    if table.indexes:
        shown["GlobalSecondaryIndexes"] = [_index(table, index, sizes) for index in table.indexes]
    if table.local_indexes:
        shown["LocalSecondaryIndexes"] = [_local_index(table, index, sizes) for index in table.local_indexes]
    if table.stream is not None:
        shown["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream.view_type}
    latest = table.stream or (table.ended_streams[-1] if table.ended_streams else None)
    if latest is not None:
        shown["LatestStreamLabel"] = latest.label
        shown["LatestStreamArn"] = f"{arn}/stream/{latest.label}"
    if table.restore is not None:
        shown["RestoreSummary"] = {
            "SourceTableArn": table_arn(table.restore.source_table_name),
            "RestoreDateTime": seconds(table.restore.timestamp_us),
            "RestoreInProgress": not table.restore.finished,
        }
    return shown


def describe_deleted_table(table: Table) -> dict[str, Any]:
    """What DeleteTable tells of the table that goes: not its keys and indexes, nor when it was made."""
    shown = describe_table(table, {})
    return {name: shown[name] for name in shown if name not in _UNTOLD_WHEN_DELETED}


def describe_time_to_live(table: Table) -> dict[str, Any]:
    """TimeToLiveDescription. A switch takes effect at once, so there is no ENABLING."""
    if not table.ttl_attribute:
        return {"TimeToLiveStatus": "DISABLED"}
    return {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl_attribute}


def describe_backups(table: Table, now_us: int) -> dict[str, Any]:
    """ContinuousBackupsDescription. What is not archived yet is read from the log, so one can restore to now."""
    backups = table.backups
    shown: dict[str, Any] = {"PointInTimeRecoveryStatus": "ENABLED" if backups.enabled else "DISABLED"}
    if backups.enabled:
        earliest, latest = restorable(table, now_us)
        shown["RecoveryPeriodInDays"] = backups.recovery_days
        shown["EarliestRestorableDateTime"] = seconds(earliest)
        shown["LatestRestorableDateTime"] = seconds(latest)
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": shown}


def restorable(table: Table, now_us: int) -> tuple[int, int]:
    """The first and last microsecond to which the table can be restored now."""
    earliest = max(table.backups.enabled_us, now_us - table.backups.recovery_days * DAY_US)
    return earliest, max(earliest, now_us)


def _status(table: Table) -> str:
    return "UPDATING" if table.status == "ACTIVE" and not table.settled else table.status


def _keys(table: Table) -> tuple[KeySchema, ...]:
    return (table.key, *(index.key for index in table.secondary_indexes))


def _key_schema(key: KeySchema) -> list[dict[str, str]]:
    return [
        {"AttributeName": part.name, "KeyType": role}
        for part, role in zip(key.attributes, ("HASH", "RANGE"), strict=False)
    ]


def _throughput(given: Throughput) -> dict[str, int]:
    return {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": given.read, "WriteCapacityUnits": given.write}


def _warm(given: Throughput, status: str) -> dict[str, Any]:
    # An on-demand table starts warm for 12,000 reads and 4,000 writes. Source: AWS developer guide, "Warm throughput".
    return {
        "ReadUnitsPerSecond": given.read or 12_000,
        "WriteUnitsPerSecond": given.write or 4_000,
        "Status": "ACTIVE" if status == "ACTIVE" else "UPDATING",
    }


def _counts(size_name: str, partitions: tuple[Partition, ...], sizes: dict[LogId, Size]) -> dict[str, int]:
    held = [sizes[partition.log_id] for partition in partitions if partition.log_id in sizes]
    return {size_name: sum(size.bytes for size in held), "ItemCount": sum(size.items for size in held)}


def _index(table: Table, index: Index, sizes: dict[LogId, Size]) -> dict[str, Any]:
    return {
        **_secondary_index(table, index),
        "IndexStatus": "ACTIVE" if table.status == "ACTIVE" else table.status,
        "ProvisionedThroughput": _throughput(index.throughput),
        **_counts("IndexSizeBytes", index.partitions, sizes),
        "WarmThroughput": _warm(index.throughput, table.status),
    }


def _local_index(table: Table, index: LocalIndex, sizes: dict[LogId, Size]) -> dict[str, Any]:
    # Nobody counts the rows: there are at most as many as items, each as large at most. (AWS's numbers are hours old.)
    return {**_secondary_index(table, index), **_counts("IndexSizeBytes", table.partitions, sizes)}


def _secondary_index(table: Table, index: SecondaryIndex) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection.type}
    if index.projection.include:
        projection["NonKeyAttributes"] = list(index.projection.include)
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.key),
        "Projection": projection,
        "IndexArn": f"{table_arn(table.name)}/index/{index.name}",
    }
