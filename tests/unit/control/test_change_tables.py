"""Changes of a table that exists: what they leave in the catalog and in the table's own logs, whoever carries them out."""

import asyncio
from typing import Any

import pytest

from stator.codec.catalog_entries import decode_table, encode_table
from stator.codec.log_records import decode_define, decode_envelope
from stator.model.errors import ResourceInUseError, ResourceNotFoundError
from stator.model.positions import LogId, Offset
from stator.model.records import Kind
from stator.model.tables import Table
from stator.rules.commands import Define
from stator.rules.resource_arns import table_arn
from stator.runtime.catalog_writer import CatalogWriter
from tests.unit.control.world import PARTITIONS, Deployment, play

EXPIRE = {"TableName": "orders", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
STREAM = {"TableName": "orders", "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
ARN = table_arn("orders")


def entry(world: Deployment) -> Table:
    table = world.catalog.table("orders")
    assert table is not None
    return table


def definitions(world: Deployment, log_id: LogId) -> list[Table]:
    records = [decode_envelope(message.data) for message in world.store.messages(log_id, Offset(0))]
    return [decode_table(decode_define(record)) for record in records if record.kind is Kind.DEFINE]


def tag(key: str) -> dict[str, Any]:
    return {"ResourceArn": ARN, "Tags": [{"Key": key, "Value": "v"}]}


def test_time_to_live_is_answered_once_every_log_of_the_table_says_so() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        answer = await world.ask("UpdateTimeToLive", EXPIRE)
        assert answer == {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
        table = entry(world)
        assert (table.ttl_attribute, table.revision, table.settled) == ("until", 1, True)
        assert len(table.partitions) == PARTITIONS
        for partition in table.partitions:
            assert [defined.ttl_attribute for defined in definitions(world, partition.log_id)] == ["", "until"]

    play(scenario)


def test_recovery_is_switched_on_also_while_other_changes_are_made() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        recovery = {"PointInTimeRecoveryEnabled": True}
        request = {"TableName": "orders", "PointInTimeRecoverySpecification": recovery}
        await asyncio.gather(
            world.ask("UpdateTimeToLive", EXPIRE),
            world.ask("UpdateContinuousBackups", request, world.other),
            world.ask("TagResource", tag("a")),
            world.ask("UpdateContinuousBackups", request),
        )
        table = entry(world)
        assert (table.backups.enabled, table.ttl_attribute, table.tags) == (True, "until", (("a", "v"),))

    play(scenario)


def test_a_stream_switched_on_is_in_the_logs_and_in_the_answer() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        shown = (await world.ask("UpdateTable", STREAM))["TableDescription"]
        assert shown["TableStatus"] == "ACTIVE"
        assert shown["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        (_, defined) = definitions(world, entry(world).partitions[0].log_id)
        assert defined.stream is not None
        assert defined.stream.label == shown["LatestStreamLabel"]

    play(scenario)


def test_changes_that_logs_need_not_know_of_stay_out_of_them() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        await world.ask("UpdateTable", {"TableName": "orders", "DeletionProtectionEnabled": True})
        await world.ask("TagResource", tag("a"))
        assert (entry(world).deletion_protection, entry(world).tags) == (True, (("a", "v"),))
        assert len(definitions(world, entry(world).partitions[0].log_id)) == 1

    play(scenario)


def test_of_changes_made_at_once_none_is_lost() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        asked = [
            *(world.ask("TagResource", tag(f"k{number}"), control) for number, control in enumerate(world.controls)),
            world.ask("UpdateTimeToLive", EXPIRE, world.one),
            world.ask("UpdateTable", STREAM, world.other),
        ]
        await asyncio.gather(*asked)
        table = entry(world)
        assert {key for key, _ in table.tags} == {"k0", "k1"}
        assert table.ttl_attribute == "until"
        assert table.stream is not None
        assert table.settled
        for partition in table.partitions:
            last = definitions(world, partition.log_id)[-1]
            assert (last.revision, last.stream, last.ttl_attribute) == (2, table.stream, "until")

    play(scenario)


def test_a_definition_that_a_dead_control_process_owes_is_carried_on() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        before = entry(world)
        owing = before.evolve(ttl_attribute="until", revision=1, settled=False)
        writer = CatalogWriter(world.catalog, world.partitions)
        assert await writer.set(owing, world.catalog.tables["orders"].version_us)
        world.tasks.spawn("control", world.other.run())
        await world.catalog.until(lambda catalog: catalog.tables["orders"].table.settled)
        for partition in before.partitions:
            assert definitions(world, partition.log_id)[-1].ttl_attribute == "until"

    play(scenario)


def test_a_definition_sent_late_by_a_slow_control_process_undoes_nothing() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        stale = encode_table(entry(world).evolve(ttl_attribute="stale", revision=1))
        await world.ask("UpdateTimeToLive", EXPIRE)
        log_id = entry(world).partitions[0].log_id
        await world.partitions.ask_leader(log_id, "define", Define(log_id, stale))
        assert [defined.ttl_attribute for defined in definitions(world, log_id)] == ["", "until"]

    play(scenario)


def test_untagging_leaves_the_other_tags() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        for key in ("a", "b"):
            assert await world.ask("TagResource", tag(key)) == {}
        assert await world.ask("UntagResource", {"ResourceArn": ARN, "TagKeys": ["a", "nobody"]}) == {}
        assert entry(world).tags == (("b", "v"),)

    play(scenario)


@pytest.mark.parametrize(
    ("operation", "request_body", "said"),
    [
        ("UpdateTimeToLive", EXPIRE | {"TableName": "nobody"}, "Requested resource not found: Table: nobody not found"),
        ("UpdateTable", STREAM | {"TableName": "nobody"}, "Requested resource not found: Table: nobody not found"),
        (
            "TagResource",
            tag("a") | {"ResourceArn": ARN + "x"},
            f"Requested resource not found: ResourcArn: {ARN}x not found",
        ),
    ],
)
def test_what_does_not_exist_cannot_be_changed(operation: str, request_body: dict[str, Any], said: str) -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        with pytest.raises(ResourceNotFoundError) as refused:
            await world.ask(operation, request_body)
        assert refused.value.message == said

    play(scenario)


def test_a_table_that_comes_or_goes_cannot_be_changed() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        writer = CatalogWriter(world.catalog, world.partitions)
        left = entry(world).evolve(name="coming", table_id="id", status="CREATING")
        assert await writer.set(left, expected_us=0)
        with pytest.raises(ResourceInUseError, match="Table is being created: coming"):
            await world.ask("UpdateTimeToLive", EXPIRE | {"TableName": "coming"})

    play(scenario)
