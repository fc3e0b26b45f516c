"""Tables as users see them."""

from stator.model.positions import LogId, TimestampUs
from stator.model.tables import (
    ContinuousBackups,
    Index,
    KeyAttribute,
    KeySchema,
    LocalIndex,
    Projection,
    RestoreOrigin,
    Stream,
    Table,
    even_partitions,
)
from stator.rules.commands import Size
from stator.rules.table_descriptions import DAY_US, describe_backups, describe_table, restorable

NOW_US = 1_700_000_000_000_000
INDEX = Index(
    "by-at",
    KeySchema(KeyAttribute("at", "N")),
    Projection("INCLUDE", ("total",)),
    even_partitions((LogId(3), LogId(4))),
)
TABLE = Table(
    "id-1",
    "orders",
    "ACTIVE",
    TimestampUs(NOW_US),
    KeySchema(KeyAttribute("pk", "S"), KeyAttribute("sk", "B")),
    even_partitions((LogId(1), LogId(2))),
    (INDEX,),
)
SIZES = {LogId(number): Size(items=number, bytes=10 * number, offset=0) for number in (1, 2, 3)}


def test_counts_are_sums_over_partitions_and_unknown_ones_count_as_empty() -> None:
    shown = describe_table(TABLE, SIZES)
    assert (shown["ItemCount"], shown["TableSizeBytes"]) == (3, 30)
    (index,) = shown["GlobalSecondaryIndexes"]
    assert (index["ItemCount"], index["IndexSizeBytes"]) == (3, 30)


def test_attributes_of_all_keys_are_defined_once_and_keys_are_in_order() -> None:
    shown = describe_table(TABLE, {})
    assert shown["AttributeDefinitions"] == [
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "B"},
    ]
    assert [part["KeyType"] for part in shown["KeySchema"]] == ["HASH", "RANGE"]
    assert shown["CreationDateTime"] == 1_700_000_000.0
    assert shown["TableArn"].endswith(":table/orders")


def test_an_index_shows_what_it_carries() -> None:
    (index,) = describe_table(TABLE, {})["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]}
    assert index["IndexStatus"] == "ACTIVE"
    assert index["IndexArn"].endswith(":table/orders/index/by-at")


def test_a_local_index_is_shown_without_throughput_and_with_at_most_the_table_s_items() -> None:
    local = LocalIndex(
        "by-likes", KeySchema(KeyAttribute("pk", "S"), KeyAttribute("likes", "N")), Projection("KEYS_ONLY")
    )
    shown = describe_table(TABLE.evolve(local_indexes=(local,)), SIZES)
    assert {"AttributeName": "likes", "AttributeType": "N"} in shown["AttributeDefinitions"]
    assert shown["LocalSecondaryIndexes"] == [
        {
            "IndexName": "by-likes",
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "likes", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
            "IndexArn": shown["TableArn"] + "/index/by-likes",
            "ItemCount": 3,
            "IndexSizeBytes": 30,
        }
    ]


def test_members_that_mean_nothing_for_a_table_are_left_out() -> None:
    plain = describe_table(TABLE.evolve(indexes=(), on_demand=False), {})
    for absent in (
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "StreamSpecification",
        "RestoreSummary",
        "BillingModeSummary",
    ):
        assert absent not in plain


def test_a_stream_is_shown_with_its_arn() -> None:
    shown = describe_table(TABLE.evolve(stream=Stream("KEYS_ONLY", "label")), {})
    assert shown["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert shown["LatestStreamArn"] == f"{shown['TableArn']}/stream/label"


def test_a_restore_is_shown_with_its_source_and_instant() -> None:
    origin = RestoreOrigin("id-0", "old", (), TimestampUs(NOW_US + 1))
    summary = describe_table(TABLE.evolve(restore=origin), {})["RestoreSummary"]
    assert summary["RestoreInProgress"] is True
    assert summary["RestoreDateTime"] == 1_700_000_000.000001
    assert summary["SourceTableArn"].endswith(":table/old")


def test_one_can_restore_from_when_it_was_switched_on_for_so_many_days_until_now() -> None:
    backups = ContinuousBackups(enabled=True, recovery_days=2, enabled_us=TimestampUs(NOW_US))
    table = TABLE.evolve(backups=backups)
    assert restorable(table, NOW_US + 5) == (NOW_US, NOW_US + 5)
    assert restorable(table, NOW_US + 3 * DAY_US) == (NOW_US + DAY_US, NOW_US + 3 * DAY_US)
    assert restorable(table, NOW_US - 5) == (NOW_US, NOW_US)  # the clock that switched it on was ahead of ours


def test_backups_tell_the_window_only_when_they_are_on() -> None:
    off = describe_backups(TABLE, NOW_US)["PointInTimeRecoveryDescription"]
    assert off == {"PointInTimeRecoveryStatus": "DISABLED"}
    backups = ContinuousBackups(enabled=True, recovery_days=7, enabled_us=TimestampUs(NOW_US))
    on = describe_backups(TABLE.evolve(backups=backups), NOW_US + 1_500_000)["PointInTimeRecoveryDescription"]
    assert on["RecoveryPeriodInDays"] == 7
    assert on["LatestRestorableDateTime"] - on["EarliestRestorableDateTime"] == 1.5
