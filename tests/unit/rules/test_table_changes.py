"""UpdateTable and UpdateTimeToLive: what becomes of a table, what its logs are owed, and AWS's words for what may not be."""

from typing import Any

import pytest

from stator.model.errors import LimitExceededError, RequestError, ResourceNotFoundError, ValidationError
from stator.model.positions import TimestampUs
from stator.model.tables import (
    STREAM_RETENTION_US,
    EndedStream,
    Index,
    KeyAttribute,
    KeySchema,
    Projection,
    Stream,
    Table,
    Throughput,
)
from stator.rules.table_changes import check_update, revised, updated_table, with_time_to_live
from stator.rules.table_descriptions import describe_table, describe_time_to_live

NOW_US = 1_700_000_000_000_000
KEY = KeySchema(KeyAttribute("pk", "S"))
TABLE = Table("id", "orders", "ACTIVE", TimestampUs(NOW_US - 9), KEY, ())
INDEX = Index("by-at", KeySchema(KeyAttribute("at", "N")), Projection("ALL"), throughput=Throughput(3, 4))
PROVISIONED = TABLE.evolve(on_demand=False, throughput=Throughput(5, 6))
STREAMED = TABLE.evolve(stream=Stream("KEYS_ONLY", "2023-11-14T22:13:20.000"))
UNITS = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
ON = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
OFF = {"StreamSpecification": {"StreamEnabled": False}}


def update(table: Table, request: dict[str, Any], now_us: int = NOW_US) -> Table:
    check_update(request)
    return updated_table(request, table, now_us)


# --- what logs are owed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TABLE, update(TABLE, ON)),
        (STREAMED, update(STREAMED, OFF)),
        (TABLE, with_time_to_live(TABLE, "until", enabled=True)),
    ],
)
def test_logs_are_owed_a_change_of_stream_or_time_to_live(before: Table, after: Table) -> None:
    assert revised(before, after) == after.evolve(revision=1, settled=False)


def test_logs_are_owed_nothing_that_they_need_not_know() -> None:
    for after in (update(TABLE, {"DeletionProtectionEnabled": True}), TABLE.evolve(tags=(("a", "b"),))):
        assert revised(TABLE, after) == after


def test_a_table_whose_logs_are_owed_something_is_shown_as_updating() -> None:
    assert describe_table(TABLE.evolve(settled=False), {})["TableStatus"] == "UPDATING"
    assert describe_table(TABLE.evolve(status="DELETING", settled=False), {})["TableStatus"] == "DELETING"


# --- time to live --------------------------------------------------------------------------------------------


def test_time_to_live_is_switched_on_and_off_by_its_attribute() -> None:
    on = with_time_to_live(TABLE, "until", enabled=True)
    assert describe_time_to_live(on) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    off = with_time_to_live(on, "until", enabled=False)
    assert describe_time_to_live(off) == {"TimeToLiveStatus": "DISABLED"}


@pytest.mark.parametrize(
    ("current", "attribute", "enabled", "said"),
    [
        ("", "until", False, "TimeToLive is already disabled"),
        ("until", "until", True, "TimeToLive is already enabled"),
        ("until", "other", True, "TimeToLive is active on a different AttributeName: current AttributeName is until"),
        ("until", "other", False, "TimeToLive is active on a different AttributeName: current AttributeName is until"),
    ],
)
def test_a_switch_that_switches_nothing_is_refused(current: str, attribute: str, enabled: bool, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        with_time_to_live(TABLE.evolve(ttl_attribute=current), attribute, enabled=enabled)
    assert refused.value.message == said


# --- streams -------------------------------------------------------------------------------------------------


def test_a_stream_that_is_switched_off_is_told_as_the_latest_and_the_next_has_a_label_of_its_own() -> None:
    first = update(TABLE, ON)
    assert first.stream is not None
    off = update(first, OFF, NOW_US + 5)
    assert off.stream is None
    assert off.ended_streams == (EndedStream("NEW_IMAGE", first.stream.label, TimestampUs(NOW_US + 5)),)
    shown = describe_table(off, {})
    assert "StreamSpecification" not in shown
    assert shown["LatestStreamLabel"] == first.stream.label
    again = update(off, ON)  # by a clock that has not moved
    assert again.stream is not None
    assert again.stream.label > first.stream.label


def test_ended_streams_are_forgotten_a_day_later() -> None:
    off = update(STREAMED, OFF)
    later = update(update(off, ON, NOW_US + STREAM_RETENTION_US), OFF, NOW_US + STREAM_RETENTION_US + 1)
    assert [ended.ended_us for ended in later.ended_streams] == [NOW_US + STREAM_RETENTION_US + 1]


# --- billing -------------------------------------------------------------------------------------------------


def test_billing_goes_there_and_back_and_tells_when_it_was_last_on_demand() -> None:
    provisioned = update(TABLE, {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS})
    assert (provisioned.on_demand, provisioned.throughput) == (False, Throughput(7, 8))
    summary = describe_table(provisioned, {})["BillingModeSummary"]
    assert summary["BillingMode"] == "PROVISIONED"
    assert summary["LastUpdateToPayPerRequestDateTime"] == (NOW_US - 9) / 1e6
    back = update(provisioned, {"BillingMode": "PAY_PER_REQUEST"}, NOW_US + 1_000_000)
    assert (back.on_demand, back.throughput) == (True, Throughput())
    assert describe_table(back, {})["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] == NOW_US / 1e6 + 1


def test_on_demand_again_changes_nothing() -> None:
    assert update(TABLE, {"BillingMode": "PAY_PER_REQUEST"}) == TABLE


def test_indexes_are_provisioned_with_their_table_and_by_themselves() -> None:
    table = PROVISIONED.evolve(indexes=(INDEX,))
    wanted = {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by-at", "ProvisionedThroughput": UNITS}}]}
    assert update(table, wanted).indexes[0].throughput == Throughput(7, 8)
    on_demand = update(table, {"BillingMode": "PAY_PER_REQUEST"})
    assert on_demand.indexes[0].throughput == Throughput()
    both = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}
    with pytest.raises(ValidationError, match="must be specified for index: by-at"):
        update(on_demand, both)
    assert update(on_demand, both | wanted).indexes[0].throughput == Throughput(7, 8)


def test_limits_on_demand_are_set_kept_and_taken_away() -> None:
    limited = update(TABLE, {"OnDemandThroughput": {"MaxReadRequestUnits": 10}})
    assert describe_table(limited, {})["OnDemandThroughput"] == {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": -1}
    both = update(limited, {"OnDemandThroughput": {"MaxWriteRequestUnits": 5}})
    assert both.on_demand_max == Throughput(10, 5)
    free = update(both, {"OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}})
    assert "OnDemandThroughput" not in describe_table(free, {})


def test_class_and_protection_are_taken_as_they_come() -> None:
    assert update(TABLE, {"TableClass": "STANDARD_INFREQUENT_ACCESS"}).table_class == "STANDARD_INFREQUENT_ACCESS"
    assert update(TABLE, {"DeletionProtectionEnabled": True}).deletion_protection


# --- what may not be -----------------------------------------------------------------------------------------

CREATE_INDEX = {"Create": {"IndexName": "x"}}


@pytest.mark.parametrize(
    ("table", "request_body", "error", "said"),
    [
        (TABLE, {}, ValidationError, "At least one of ProvisionedThroughput, BillingMode, "),
        (TABLE, {"GlobalSecondaryIndexUpdates": []}, ValidationError, "At least one of "),
        (TABLE, {"ReplicaUpdates": [{}]}, ValidationError, "ReplicaUpdates is not supported yet"),
        (
            TABLE,
            {"GlobalSecondaryIndexUpdates": [CREATE_INDEX]},
            ValidationError,
            "GlobalSecondaryIndex is not supported yet",
        ),
        (TABLE, {"GlobalSecondaryIndexUpdates": [CREATE_INDEX] * 2}, LimitExceededError, "Only 1 online index"),
        (TABLE, {"GlobalSecondaryIndexUpdates": [{}]}, ValidationError, "must not be null"),
        (TABLE, {"GlobalSecondaryIndexUpdates": [CREATE_INDEX | {"Delete": {}}]}, ValidationError, "Only one global"),
        (
            TABLE,
            {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "no"}}]},
            ResourceNotFoundError,
            "Requested resource not found: Index no for table orders",
        ),
        (TABLE, {"TableClass": "STANDARD"} | ON, ValidationError, "TableClass modification must be the only operation"),
        (
            TABLE,
            {"DeletionProtectionEnabled": True, "BillingMode": "PAY_PER_REQUEST"},
            ValidationError,
            "DeletionProtection modification must be the only operation in the request",
        ),
        (TABLE, {"BillingMode": "PAY_PER_REQUEST"} | ON, ValidationError, "cannot modify stream status while updating"),
        (
            TABLE,
            {"OnDemandThroughput": {"MaxReadRequestUnits": 1}} | ON,
            ValidationError,
            "only be combined with BillingMode",
        ),
        (TABLE, {"OnDemandThroughput": {"MaxReadRequestUnits": 0}}, ValidationError, "is outside of valid range"),
        (PROVISIONED, {"OnDemandThroughput": {"MaxReadRequestUnits": 1}}, ValidationError, "cannot be specified when"),
        (TABLE, {"ProvisionedThroughput": UNITS}, ValidationError, "Neither ReadCapacityUnits nor WriteCapacityUnits"),
        (TABLE, {"BillingMode": "PROVISIONED"}, ValidationError, "ProvisionedThroughput must be specified when"),
        (
            PROVISIONED,
            {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}},
            ValidationError,
            "Current WriteCapacityUnits provisioned for the table: 6. Requested WriteCapacityUnits: 6.",
        ),
        (STREAMED, ON, ValidationError, "Table already has an enabled stream: TableName: orders"),
        (TABLE, OFF, ValidationError, "Table has no stream to disable: TableName: orders"),
        (TABLE, {"StreamSpecification": {"StreamEnabled": True}}, ValidationError, "UpdateViewType is required"),
        (
            STREAMED,
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            ValidationError,
            "UpdateViewType must not be specified",
        ),
    ],
)
def test_what_may_not_be_is_said_in_aws_words(
    table: Table, request_body: dict[str, Any], error: type[RequestError], said: str
) -> None:
    with pytest.raises(error) as refused:
        update(table, request_body)
    assert said in refused.value.message
