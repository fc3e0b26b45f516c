"""Table operations against a whole small deployment in memory: what they answer, what they leave, and what is carried on."""

import asyncio
from typing import Any

import pytest

from services.control.delete_tables import LEADERS_PATIENCE_S
from services.control.tables import SWEEP_S
from stator.codec.catalog_entries import Entry, decode_table, deleted_name, encode_table
from stator.codec.log_records import decode_define, decode_envelope
from stator.model.errors import (
    InvalidRestoreTimeError,
    PointInTimeRecoveryUnavailableError,
    RequestError,
    ResourceInUseError,
    ResourceNotFoundError,
    TableAlreadyExistsError,
    TableNotFoundError,
    UnknownOperationError,
    ValidationError,
)
from stator.model.positions import CATALOG_LOG, LogId, Offset
from stator.model.records import Kind
from stator.model.tables import STREAM_RETENTION_US
from stator.rules.table_changes import leaving
from stator.runtime.catalog_writer import CatalogWriter
from tests.unit.control.world import CREATE, PARTITIONS, Deployment, play

INDEXED = CREATE | {
    "AttributeDefinitions": [*CREATE["AttributeDefinitions"], {"AttributeName": "at", "AttributeType": "N"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-at",
            "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
SWITCH_ON = {"TableName": "orders", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}


def test_a_new_table_is_active_with_logs_of_its_own_that_define_it() -> None:
    async def scenario(world: Deployment) -> None:
        shown = await world.create(INDEXED)
        assert shown["TableStatus"] == "ACTIVE"
        table = world.catalog.table("orders")
        assert table is not None
        assert len(table.partitions) == len(table.indexes[0].partitions) == PARTITIONS
        assert len(set(table.logs)) == 2 * PARTITIONS
        assert set(world.store.ids()) == {CATALOG_LOG, *table.logs}
        for partition in table.partitions:
            position = world.leaders.partition(partition.log_id).replica.position
            assert position.definition == encode_table(table)

    play(scenario)


def test_two_tables_share_no_log() -> None:
    async def scenario(world: Deployment) -> None:
        await asyncio.gather(world.create(), world.create(INDEXED | {"TableName": "others"}, world.other))
        logs = [log_id for held in world.catalog.tables.values() for log_id in held.table.logs]
        assert len(set(logs)) == len(logs) == 3 * PARTITIONS

    play(scenario)


def test_of_two_that_create_the_same_table_one_succeeds() -> None:
    async def scenario(world: Deployment) -> None:
        answers = await asyncio.gather(world.create(), world.create(control=world.other), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert [type(error) for error in refused] == [ResourceInUseError]

    play(scenario)


def test_a_tag_says_how_many_partitions_a_table_gets() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create(CREATE | {"Tags": [{"Key": "stator:partitions", "Value": "7"}]})
        table = world.catalog.table("orders")
        assert table is not None
        assert len(table.partitions) == 7
        with pytest.raises(ValidationError, match="stator:partitions"):
            await world.create(CREATE | {"TableName": "x", "Tags": [{"Key": "stator:partitions", "Value": "0"}]})

    play(scenario)


def test_a_deleted_table_is_gone_with_its_logs_and_its_name_is_free() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        first = world.catalog.table("orders")
        shown = await world.ask("DeleteTable", {"TableName": "orders"})
        assert shown["TableDescription"]["TableStatus"] == "DELETING"
        assert world.catalog.table("orders") is None  # or a waiter would see it, and sleep for 20 s
        for log_id in first.logs if first else ():
            world.leaders.forget(log_id)  # what every process does when its catalog shows it
        await asyncio.sleep(1)
        assert world.store.ids() == [CATALOG_LOG]
        await world.create()
        second = world.catalog.table("orders")
        assert first is not None
        assert second is not None
        assert not set(first.logs) & set(second.logs)
        assert first.table_id != second.table_id

    play(scenario)


STREAMED = INDEXED | {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
DAY_S = STREAM_RETENTION_US / 1e6


def used_logs(world: Deployment) -> set[LogId]:
    """Those that are there, but for the spare ones."""
    return {log_id for log_id in world.store.ids() if log_id < world.catalog.pool()[0]}


def test_a_deleted_table_with_a_stream_leaves_its_name_at_once_and_its_own_logs_with_the_streams_end_in_a_day() -> None:
    async def scenario(world: Deployment) -> None:
        world.forget_deleted()
        await world.create(STREAMED)
        table = world.catalog.table("orders")
        assert table is not None
        shown = await world.ask("DeleteTable", {"TableName": "orders"})
        assert shown["TableDescription"]["StreamSpecification"]["StreamEnabled"] is True
        assert world.catalog.table("orders") is None
        own = {partition.log_id for partition in table.partitions}
        await asyncio.sleep(1)
        assert used_logs(world) == {CATALOG_LOG, *own}
        for log_id in own:
            last = [decode_envelope(message.data) for message in world.store.messages(log_id, Offset(0))][-1]
            assert last.kind is Kind.DEFINE
            assert decode_table(decode_define(last)).stream is None
        world.tasks.spawn("control", world.other.run())
        await asyncio.sleep(DAY_S - 10)
        assert used_logs(world) == {CATALOG_LOG, *own}
        await asyncio.sleep(20)
        assert used_logs(world) == {CATALOG_LOG}
        assert world.catalog.deleted == {}

    play(scenario)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_deletion_that_a_dead_control_process_left_half_way_is_carried_on(steps: int) -> None:
    """Left with the entry DELETING, with the streams' end told, with the deleted table's entry beside the table's."""

    async def scenario(world: Deployment) -> None:
        world.forget_deleted()
        await world.create(STREAMED)
        held = world.catalog.tables["orders"]
        gone = leaving(held.table, world.clock.now_us())
        writer = CatalogWriter(world.catalog, world.partitions)
        assert await writer.set(gone, held.version_us)
        if steps > 1:
            assert await writer.set(gone.evolve(settled=True), world.catalog.tables["orders"].version_us)
        if steps > 2:
            kept = Entry(deleted=gone.evolve(settled=True, indexes=()))
            assert await writer.replace(deleted_name(gone.table_id), kept, expected_us=0)
        for control in world.controls:
            world.tasks.spawn("control", control.run())
        await asyncio.sleep(4 * SWEEP_S)
        assert world.catalog.tables == {}
        (deleted,) = world.catalog.with_deleted()
        assert deleted.settled
        assert used_logs(world) == {CATALOG_LOG, *deleted.logs}
        assert set(deleted.logs) == {partition.log_id for partition in gone.partitions}

    play(scenario)


def test_a_table_whose_logs_have_no_leaders_goes_all_the_same_with_its_streams_readable() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create(STREAMED)
        table = world.catalog.table("orders")
        assert table is not None
        for partition in table.partitions:
            world.leaders.forget(partition.log_id)
        world.tasks.spawn("control", world.one.run())
        await world.ask("DeleteTable", {"TableName": "orders"})
        assert world.catalog.table("orders") is not None
        await asyncio.sleep(LEADERS_PATIENCE_S + 10)
        assert world.catalog.table("orders") is None
        (deleted,) = world.catalog.with_deleted()
        assert not deleted.settled
        assert deleted.ended_and_readable(world.clock.now_us())

    play(scenario)


def test_a_protected_table_is_not_deleted() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create(CREATE | {"DeletionProtectionEnabled": True})
        with pytest.raises(ValidationError, match="protected against deletion"):
            await world.ask("DeleteTable", {"TableName": "orders"})

    play(scenario)


def test_work_that_a_dead_control_process_left_is_carried_on() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        table = world.catalog.table("orders")
        assert table is not None
        left = table.evolve(name="left", table_id="left-id", status="CREATING", partitions=table.partitions)
        assert await CatalogWriter(world.catalog, world.partitions).set(left, expected_us=0)
        world.tasks.spawn("control", world.other.run())
        await world.catalog.until(lambda catalog: catalog.tables["left"].table.status == "ACTIVE")

    play(scenario)


@pytest.mark.parametrize(
    ("operation", "request_body", "error"),
    [
        ("CreateTable", CREATE, ResourceInUseError),
        ("DeleteTable", {"TableName": "nobody"}, ResourceNotFoundError),
        ("UpdateContinuousBackups", SWITCH_ON | {"TableName": "nobody"}, TableNotFoundError),
        (
            "RestoreTableToPointInTime",
            {"SourceTableName": "orders", "TargetTableName": "copy", "UseLatestRestorableTime": True},
            PointInTimeRecoveryUnavailableError,
        ),
        (
            "RestoreTableToPointInTime",
            {"SourceTableName": "nobody", "TargetTableName": "copy", "UseLatestRestorableTime": True},
            TableNotFoundError,
        ),
        ("RestoreTableToPointInTime", {"TargetTableName": "copy"}, ValidationError),
        ("TransmuteTable", {}, UnknownOperationError),
    ],
)
def test_what_cannot_be_done_is_refused(
    operation: str, request_body: dict[str, Any], error: type[RequestError]
) -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        with pytest.raises(error):
            await world.ask(operation, request_body)
        assert list(world.catalog.tables) == ["orders"]

    play(scenario)


def test_backups_count_from_when_they_were_first_switched_on() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        first = await world.ask("UpdateContinuousBackups", SWITCH_ON)
        await asyncio.sleep(100)
        again = await world.ask("UpdateContinuousBackups", SWITCH_ON)
        windows = [
            answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"] for answer in (first, again)
        ]
        assert windows[0]["EarliestRestorableDateTime"] == windows[1]["EarliestRestorableDateTime"]
        assert windows[1]["LatestRestorableDateTime"] - windows[0]["LatestRestorableDateTime"] >= 100

    play(scenario)


def test_a_restore_makes_a_table_that_says_where_it_comes_from() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create(INDEXED)
        await world.ask("UpdateContinuousBackups", SWITCH_ON)
        await asyncio.sleep(10)
        instant = round(world.clock.now_us() / 1e6 - 5, 6)
        request = {"SourceTableName": "orders", "TargetTableName": "copy", "RestoreDateTime": instant}
        shown = await world.ask("RestoreTableToPointInTime", request)
        assert shown["TableDescription"]["TableStatus"] == "CREATING"
        source, copy = world.catalog.table("orders"), world.catalog.table("copy")
        assert source is not None
        assert copy is not None
        assert copy.restore is not None
        assert copy.restore.source_partitions == source.partitions
        assert copy.restore.timestamp_us == round(instant * 1e6)
        assert len(copy.partitions) == len(source.partitions)
        with pytest.raises(TableAlreadyExistsError):
            await world.ask("RestoreTableToPointInTime", request)
        for outside_s in (instant - 100, instant + 100):
            with pytest.raises(InvalidRestoreTimeError):
                await world.ask(
                    "RestoreTableToPointInTime", request | {"TargetTableName": "x", "RestoreDateTime": outside_s}
                )

    play(scenario)


def test_the_source_of_a_restore_stays_until_it_is_done_and_an_unfinished_target_may_go() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        await world.ask("UpdateContinuousBackups", SWITCH_ON)
        wanted = {"SourceTableName": "orders", "TargetTableName": "before", "UseLatestRestorableTime": True}
        await world.ask("RestoreTableToPointInTime", wanted)
        with pytest.raises(ResourceInUseError, match="source of a restore"):
            await world.ask("DeleteTable", {"TableName": "orders"})
        await world.ask("DeleteTable", {"TableName": "before"})
        await world.catalog.until(lambda catalog: catalog.table("before") is None)
        await world.ask("DeleteTable", {"TableName": "orders"})
        await world.catalog.until(lambda catalog: catalog.table("orders") is None)

    play(scenario)
