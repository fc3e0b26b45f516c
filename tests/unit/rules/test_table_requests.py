"""CreateTable and restore requests as tables, and what may not be created."""

from typing import Any

import pytest

from stator.model.errors import ValidationError
from stator.model.positions import LogId, TimestampUs
from stator.model.tables import (
    Index,
    KeyAttribute,
    KeySchema,
    LocalIndex,
    Projection,
    Stream,
    Throughput,
    even_partitions,
)
from stator.rules.index_requests import GLOBAL_INDEXES_MAX, INCLUDED_MAX, LOCAL_INDEXES_MAX
from stator.rules.table_requests import new_table, restored_table

NOW_US = 1_700_000_000_000_000
HASH = [{"AttributeName": "pk", "KeyType": "HASH"}]
UNITS = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 2}
SMALLEST: dict[str, Any] = {
    "TableName": "orders",
    "KeySchema": HASH,
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
TWO = [*SMALLEST["AttributeDefinitions"], {"AttributeName": "at", "AttributeType": "N"}]


def gsi(name: str = "by-at", **more: Any) -> dict[str, Any]:
    keys = [{"AttributeName": "at", "KeyType": "HASH"}]
    return {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}, **more}


def lsi(name: str = "by-likes", sort: str = "likes", **more: Any) -> dict[str, Any]:
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
    return {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}, **more}


POSTS: dict[str, Any] = SMALLEST | {
    "KeySchema": [*HASH, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [*TWO, {"AttributeName": "likes", "AttributeType": "N"}],
    "LocalSecondaryIndexes": [lsi()],
}


def with_indexes(*indexes: dict[str, Any]) -> dict[str, Any]:
    return {"AttributeDefinitions": TWO, "GlobalSecondaryIndexes": list(indexes)}


def test_the_smallest_request_makes_an_on_demand_table_that_is_being_created() -> None:
    table = new_table(SMALLEST, "id-1", NOW_US)
    assert (table.table_id, table.name, table.status, table.created_us) == ("id-1", "orders", "CREATING", NOW_US)
    assert table.key == KeySchema(KeyAttribute("pk", "S"))
    assert (table.on_demand, table.throughput, table.partitions, table.stream) == (True, Throughput(), (), None)


def test_everything_that_is_asked_for_is_in_the_table() -> None:
    table = new_table(
        SMALLEST
        | with_indexes(
            gsi(Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]}, ProvisionedThroughput=UNITS)
        )
        | {
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": UNITS,
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            "DeletionProtectionEnabled": True,
            "TableClass": "STANDARD",
            "Tags": [{"Key": "team", "Value": "shop"}],
        },
        "id-1",
        NOW_US,
    )
    index = Index(
        "by-at", KeySchema(KeyAttribute("at", "N")), Projection("INCLUDE", ("total",)), throughput=Throughput(3, 2)
    )
    assert table.indexes == (index,)
    assert table.stream == Stream("KEYS_ONLY", "2023-11-14T22:13:20.000")
    assert (table.on_demand, table.throughput) == (False, Throughput(3, 2))
    assert (table.deletion_protection, table.table_class, table.tags) == (True, "STANDARD", (("team", "shop"),))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"KeySchema": [{"AttributeName": "pk", "KeyType": "RANGE"}]}, "The first KeySchemaElement is not a HASH"),
        ({"KeySchema": HASH * 2}, "The second KeySchemaElement is not a RANGE"),
        ({"KeySchema": [*HASH, {"AttributeName": "pk", "KeyType": "RANGE"}]}, "have the same name"),
        ({"AttributeDefinitions": []}, "Some index key attributes are not defined in AttributeDefinitions"),
        ({"AttributeDefinitions": TWO}, "does not exactly match number of attributes defined"),
        ({"BillingMode": "PROVISIONED"}, "must both be specified when BillingMode is PROVISIONED"),
        ({"ProvisionedThroughput": UNITS}, "can be specified when BillingMode is PAY_PER_REQUEST"),
        ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
        (with_indexes(gsi(), gsi()), "Duplicate index name: by-at"),
        (with_indexes(*(gsi(f"i-{number}") for number in range(GLOBAL_INDEXES_MAX + 1))), "limit of 20"),
        (with_indexes(gsi(KeySchema=HASH)), "Some AttributeDefinitions are not used"),
        (with_indexes(gsi(KeySchema=[{"AttributeName": "x", "KeyType": "HASH"}])), "Some index key attributes are not"),
        (with_indexes(gsi(Projection={})), "Unknown ProjectionType: null"),
        (with_indexes(gsi(Projection={"ProjectionType": "INCLUDE"})), "NonKeyAttributes is not specified"),
        (
            with_indexes(gsi(Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["x"]})),
            "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            with_indexes(gsi()) | {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS},
            "ProvisionedThroughput must be specified for index: by-at",
        ),
        ({"StreamSpecification": {"StreamEnabled": True}}, "enabled, UpdateViewType is required"),
        (
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            "disabled, UpdateViewType should not be specified",
        ),
    ],
)
def test_what_cannot_be_a_table_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        new_table(SMALLEST | change, "id-1", NOW_US)
    assert said in refused.value.message


SOURCE = new_table(
    SMALLEST
    | with_indexes(gsi("one"), gsi("two"))
    | {
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        "Tags": [{"Key": "a", "Value": "b"}],
    },
    "source-id",
    NOW_US,
).evolve(partitions=even_partitions((LogId(1), LogId(2))))


def test_a_restored_table_has_keys_and_indexes_of_its_source_and_nothing_else_of_it() -> None:
    table = restored_table({"TargetTableName": "copy"}, SOURCE, "copy-id", NOW_US + 5, TimestampUs(NOW_US + 1))
    assert (table.name, table.table_id, table.status) == ("copy", "copy-id", "CREATING")
    assert (table.key, table.indexes, table.on_demand) == (SOURCE.key, SOURCE.indexes, True)
    assert (table.stream, table.tags, table.backups.enabled, table.partitions) == (None, (), False, ())
    assert table.restore is not None
    assert table.restore.source_partitions == SOURCE.partitions
    assert (table.restore.source_table_id, table.restore.timestamp_us, table.restore.finished) == (
        "source-id",
        NOW_US + 1,
        False,
    )


def test_a_restore_may_choose_billing_and_leave_indexes_out() -> None:
    request = {
        "TargetTableName": "copy",
        "BillingModeOverride": "PROVISIONED",
        "ProvisionedThroughputOverride": UNITS,
        "GlobalSecondaryIndexOverride": [{"IndexName": "two"}],
    }
    table = restored_table(request, SOURCE, "copy-id", NOW_US, TimestampUs(NOW_US))
    assert [index.name for index in table.indexes] == ["two"]
    assert (table.on_demand, table.throughput) == (False, Throughput(3, 2))


def test_a_restore_cannot_add_an_index() -> None:
    request = {"TargetTableName": "copy", "GlobalSecondaryIndexOverride": [{"IndexName": "three"}]}
    with pytest.raises(ValidationError, match="three"):
        restored_table(request, SOURCE, "copy-id", NOW_US, TimestampUs(NOW_US))


def test_local_indexes_are_in_the_table_in_the_order_given() -> None:
    some = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]}
    table = new_table(POSTS | {"LocalSecondaryIndexes": [lsi(), lsi("again", "at", Projection=some)]}, "id-1", NOW_US)
    partition = KeyAttribute("pk", "S")
    assert table.local_indexes == (
        LocalIndex("by-likes", KeySchema(partition, KeyAttribute("likes", "N")), Projection("ALL")),
        LocalIndex("again", KeySchema(partition, KeyAttribute("at", "N")), Projection("INCLUDE", ("title",))),
    )


def named(count: int) -> dict[str, Any]:
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": [f"a{number}" for number in range(count)]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"LocalSecondaryIndexes": []}, "List of LocalSecondaryIndexes is empty"),
        (
            {"LocalSecondaryIndexes": [lsi(f"by-likes-{number}") for number in range(LOCAL_INDEXES_MAX + 1)]},
            "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        (
            {"KeySchema": HASH},
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ),
        (
            {"LocalSecondaryIndexes": [lsi(KeySchema=HASH)]},
            "Index KeySchema does not have a range key for index: by-likes",
        ),
        (
            {
                "LocalSecondaryIndexes": [
                    lsi(
                        KeySchema=[
                            {"AttributeName": "likes", "KeyType": "HASH"},
                            {"AttributeName": "at", "KeyType": "RANGE"},
                        ]
                    )
                ]
            },
            "same leading hash key as table KeySchema for index: by-likes. index hash key: likes, table hash key: pk",
        ),
        ({"LocalSecondaryIndexes": [lsi(sort="pk")]}, "have the same name"),
        ({"LocalSecondaryIndexes": [lsi(sort="other")]}, "are not defined in AttributeDefinitions. Keys: [pk, other]"),
        ({"LocalSecondaryIndexes": [lsi(), lsi()]}, "Duplicate index name: by-likes"),
        ({"GlobalSecondaryIndexes": [gsi("by-likes")]}, "Duplicate index name: by-likes"),
        ({"LocalSecondaryIndexes": [lsi(Projection={})]}, "Unknown ProjectionType: null"),
        (
            {
                "LocalSecondaryIndexes": [
                    lsi(f"by-likes-{number}", Projection=named(20)) for number in range(LOCAL_INDEXES_MAX)
                ],
                "GlobalSecondaryIndexes": [gsi(Projection=named(1))],
            },
            f"exceeds the per-table limit of {INCLUDED_MAX}",
        ),
        ({"LocalSecondaryIndexes": [lsi(sort="at")]}, "Some AttributeDefinitions are not used"),
    ],
)
def test_local_indexes_that_cannot_be_are_refused_in_aws_s_words(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        new_table(POSTS | change, "id-1", NOW_US)
    assert said in refused.value.message


def test_a_restore_keeps_the_local_indexes_unless_it_names_fewer() -> None:
    source = new_table(POSTS | {"LocalSecondaryIndexes": [lsi("one"), lsi("two")]}, "id-1", NOW_US)
    request: dict[str, Any] = {"TargetTableName": "restored"}

    def kept(**override: Any) -> list[str]:
        table = restored_table(request | override, source, "id-2", NOW_US, TimestampUs(NOW_US))
        return [index.name for index in table.local_indexes]

    assert kept() == ["one", "two"]
    assert kept(LocalSecondaryIndexOverride=[lsi("two")]) == ["two"]
    assert kept(LocalSecondaryIndexOverride=[]) == []
    with pytest.raises(ValidationError, match="Index not found in the source table"):
        kept(LocalSecondaryIndexOverride=[lsi("three")])
