"""The Streams API over a small deployment in memory, in a time that the tests let pass."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec

from services.router.accounts import Accounts
from services.router.dispatch import Dispatch
from services.router.http_messages import Request
from services.router.operations.get_records import ITERATOR_AGE_US
from services.router.routing import Surroundings
from services.streams.log_history import LogChangeHistory
from stator.adapters.identity_seeded import SeededIds
from stator.model.changes import Shard
from stator.model.positions import CATALOG_LOG, LogPosition
from stator.model.tables import STREAM_RETENTION_US
from stator.rules.stream_descriptions import TRIMMED_US
from stator.runtime.meters import Meters
from tests.unit.control.world import CREATE, PARTITIONS, Deployment, play

STREAMED = CREATE | {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
SWITCH_OFF = {"TableName": "orders", "StreamSpecification": {"StreamEnabled": False}}
TRIMMED = "The data you are trying to access has been trimmed"
S = 1_000_000

Answer = dict[str, Any]


class Api:
    """Calls by name, as they come from the wire."""

    def __init__(self, world: Deployment) -> None:
        self.world = world
        changes = LogChangeHistory(world.log, world.clock, self._newest)
        surroundings = Surroundings(
            world.catalog,
            world.partitions,
            world.one.serve,
            _no_restore,
            changes,
            world.tasks,
            world.clock,
            SeededIds(Random(4)),
        )
        self._dispatch = Dispatch(surroundings, Accounts(Meters(), world.catalog, world.clock.monotonic))

    def _newest(self, shard: Shard) -> LogPosition:
        """As standalone has it: a deleted table's partitions are not opened again."""
        deleted = shard.table.table_id in self.world.catalog.deleted
        return LogPosition() if deleted else self.world.leaders.partition(shard.log_id).replica.position

    async def call(self, target: str, **request: Any) -> Answer:
        body = msgspec.json.encode(request)
        answer = self._dispatch(Request("POST", "/", target, {}, body, body, "id"))
        response = await answer if isinstance(answer, asyncio.Future) else answer
        assert isinstance(response.body, bytes)
        shown: Answer = msgspec.json.decode(response.body)
        assert ("__type" in shown) == (response.status != 200)
        return shown

    async def streams(self, operation: str, **request: Any) -> Answer:
        return await self.call(f"DynamoDBStreams_20120810.{operation}", **request)

    async def refusal(self, operation: str, **request: Any) -> tuple[str, str]:
        shown = await self.streams(operation, **request)
        return shown["__type"].rpartition("#")[2], shown.get("message", "")

    async def put(self, name: str) -> None:
        shown = await self.call("DynamoDB_20120810.PutItem", TableName="orders", Item={"pk": {"S": name}})
        assert shown == {}

    async def arn(self) -> str:
        (stream,) = (await self.streams("ListStreams", TableName="orders"))["Streams"]
        arn: str = stream["StreamArn"]
        return arn

    async def shards(self, arn: str) -> list[str]:
        shown = await self.streams("DescribeStream", StreamArn=arn)
        return [shard["ShardId"] for shard in shown["StreamDescription"]["Shards"]]

    async def iterators(self, kind: str, of: str = "", **place: Any) -> list[str]:
        """One for each shard of a stream, or of the table's only one."""
        arn = of or await self.arn()
        shown = [
            await self.streams("GetShardIterator", StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **place)
            for shard in await self.shards(arn)
        ]
        return [answer["ShardIterator"] for answer in shown]

    async def names(self, iterators: list[str]) -> set[str]:
        """The keys in one page of each."""
        pages = [await self.streams("GetRecords", ShardIterator=iterator) for iterator in iterators]
        return {record["dynamodb"]["Keys"]["pk"]["S"] for page in pages for record in page["Records"]}

    async def shard_with(self, name: str) -> tuple[str, str, Answer]:
        """The shard that has a change of an item, its iterator to the beginning, and the record."""
        arn = await self.arn()
        for shard, iterator in zip(await self.shards(arn), await self.iterators("TRIM_HORIZON"), strict=True):
            for record in (await self.streams("GetRecords", ShardIterator=iterator))["Records"]:
                if record["dynamodb"]["Keys"]["pk"]["S"] == name:
                    return shard, iterator, record
        raise AssertionError(name)


def _no_restore(_message: object) -> "asyncio.Future[Any]":
    raise AssertionError("nobody restores here")


def with_stream(scenario: Callable[[Api], Awaitable[None]]) -> None:
    async def whole(world: Deployment) -> None:
        api = Api(world)
        await world.create(STREAMED)
        await scenario(api)

    play(whole)


def test_operations_answer_only_under_the_target_of_their_api() -> None:
    async def scenario(api: Api) -> None:
        assert "Streams" in await api.streams("ListStreams")
        assert (await api.refusal("ListTables"))[0] == "UnknownOperationException"
        shown = await api.call("DynamoDB_20120810.ListStreams")
        assert shown["__type"].endswith("#UnknownOperationException")

    with_stream(scenario)


def test_an_iterator_is_good_for_fifteen_minutes_and_each_page_brings_a_new_one() -> None:
    async def scenario(api: Api) -> None:
        await api.put("a")
        _, iterator, _ = await api.shard_with("a")
        await asyncio.sleep(ITERATOR_AGE_US / S - 1)
        page = await api.streams("GetRecords", ShardIterator=iterator)
        assert len(page["Records"]) == 1
        await asyncio.sleep(2)
        refused = await api.refusal("GetRecords", ShardIterator=iterator)
        assert refused == ("ExpiredIteratorException", "Shard iterator has expired")
        assert (await api.streams("GetRecords", ShardIterator=page["NextShardIterator"]))["Records"] == []

    with_stream(scenario)


def test_the_horizon_is_a_day_ago() -> None:
    async def scenario(api: Api) -> None:
        await api.put("a")
        await asyncio.sleep(3600)
        await api.put("b")
        await asyncio.sleep(STREAM_RETENTION_US / S - 1800)
        assert await api.names(await api.iterators("TRIM_HORIZON")) == {"b"}
        for long_ago in (1, -1, -1e308):
            assert await api.names(await api.iterators("AT_TIMESTAMP", Timestamp=long_ago)) == {"b"}

    with_stream(scenario)


def test_what_is_older_is_told_to_be_trimmed() -> None:
    async def scenario(api: Api) -> None:
        await api.put("a")
        shard, _, record = await api.shard_with("a")
        number = record["dynamodb"]["SequenceNumber"]
        place = {"StreamArn": await api.arn(), "ShardId": shard, "SequenceNumber": number}
        await asyncio.sleep(TRIMMED_US / S - 60)
        made = await api.streams("GetShardIterator", **place, ShardIteratorType="AT_SEQUENCE_NUMBER")
        assert await api.names([made["ShardIterator"]]) == {"a"}
        await asyncio.sleep(120)
        assert await api.refusal("GetRecords", ShardIterator=made["ShardIterator"]) == (
            "TrimmedDataAccessException",
            TRIMMED,
        )
        refused = await api.refusal("GetShardIterator", **place, ShardIteratorType="AT_SEQUENCE_NUMBER")
        assert refused == ("TrimmedDataAccessException", TRIMMED)
        behind = await api.streams("GetShardIterator", **place, ShardIteratorType="AFTER_SEQUENCE_NUMBER")
        assert await api.names([behind["ShardIterator"]]) == set()

    with_stream(scenario)


def test_a_time_finds_what_is_not_older_and_must_have_come() -> None:
    async def scenario(api: Api) -> None:
        await api.put("a")
        await asyncio.sleep(10)
        between = api.world.clock.now_us() / S
        await asyncio.sleep(10)
        await api.put("b")
        assert await api.names(await api.iterators("AT_TIMESTAMP", Timestamp=between)) == {"b"}
        arn = await api.arn()
        refused = await api.refusal(
            "GetShardIterator",
            StreamArn=arn,
            ShardId=(await api.shards(arn))[0],
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=api.world.clock.now_us() / S + 1,
        )
        assert refused[0] == "ValidationException"

    with_stream(scenario)


def test_a_number_beyond_the_end_is_refused() -> None:
    async def scenario(api: Api) -> None:
        await api.put("a")
        shard, _, record = await api.shard_with("a")
        number = int(record["dynamodb"]["SequenceNumber"])
        place = {"StreamArn": await api.arn(), "ShardId": shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
        for wrong, text in (
            (number + 10**8, "Invalid SequenceNumber for the shard"),
            (number * 10, "One or more parameter values were invalid: Invalid SequenceNumber"),
        ):
            refused = await api.refusal("GetShardIterator", **place, SequenceNumber=str(wrong))
            assert refused == ("ValidationException", text)

    with_stream(scenario)


def test_streams_and_shards_come_in_pages() -> None:
    async def scenario(api: Api) -> None:
        for name in ("albums", "people"):
            await api.world.create(STREAMED | {"TableName": name})
        listed, start = [], {}
        while True:
            shown = await api.streams("ListStreams", Limit=2, **start)
            listed += [stream["TableName"] for stream in shown["Streams"]]
            if "LastEvaluatedStreamArn" not in shown:
                break
            start = {"ExclusiveStartStreamArn": shown["LastEvaluatedStreamArn"]}
        assert listed == ["albums", "orders", "people"]

        arn, shards, start = await api.arn(), [], {}
        while True:
            shown = (await api.streams("DescribeStream", StreamArn=arn, Limit=1, **start))["StreamDescription"]
            shards += [shard["ShardId"] for shard in shown["Shards"]]
            if "LastEvaluatedShardId" not in shown:
                break
            start = {"ExclusiveStartShardId": shown["LastEvaluatedShardId"]}
        assert shards == await api.shards(arn)
        assert len(shards) == PARTITIONS

    with_stream(scenario)


def test_a_stream_that_was_switched_off_is_read_to_its_end_for_a_day() -> None:
    async def scenario(api: Api) -> None:
        await api.put("a")
        _, iterator, _ = await api.shard_with("a")
        arn = await api.arn()
        await api.world.ask("UpdateTable", SWITCH_OFF)
        await api.put("b")
        shown = (await api.streams("DescribeStream", StreamArn=arn))["StreamDescription"]
        assert shown["StreamStatus"] == "DISABLED"
        assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shown["Shards"])
        page = await api.streams("GetRecords", ShardIterator=iterator)
        assert len(page["Records"]) == 1
        assert "NextShardIterator" not in page
        assert await api.names(await api.iterators("TRIM_HORIZON")) == {"a"}
        await asyncio.sleep(STREAM_RETENTION_US / S)
        assert (await api.streams("ListStreams"))["Streams"] == []
        assert (await api.refusal("DescribeStream", StreamArn=arn))[0] == "ResourceNotFoundException"

    with_stream(scenario)


def test_a_deleted_tables_stream_is_read_to_its_end_for_a_day_and_then_gone_with_its_logs() -> None:
    async def scenario(api: Api) -> None:
        world = api.world
        world.forget_deleted()
        await api.put("a")
        _, iterator, _ = await api.shard_with("a")
        (latest, *_) = await api.iterators("LATEST")
        arn = await api.arn()
        table = world.catalog.table("orders")
        assert table is not None
        await world.ask("DeleteTable", {"TableName": "orders"})
        assert world.catalog.table("orders") is None
        shown = (await api.streams("DescribeStream", StreamArn=arn))["StreamDescription"]
        assert shown["StreamStatus"] == "DISABLED"
        assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shown["Shards"])
        page = await api.streams("GetRecords", ShardIterator=iterator)
        assert len(page["Records"]) == 1
        assert "NextShardIterator" not in page
        assert await api.streams("GetRecords", ShardIterator=latest) == {"Records": []}
        assert await api.names(await api.iterators("TRIM_HORIZON")) == {"a"}
        assert world.leaders.partitions.keys() == {CATALOG_LOG}

        world.tasks.spawn("control", world.other.run())
        await asyncio.sleep(STREAM_RETENTION_US / S - 10)
        assert await api.arn() == arn
        assert set(table.logs) <= set(world.store.ids())
        await asyncio.sleep(20)
        assert (await api.streams("ListStreams"))["Streams"] == []
        gone = ("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")
        assert await api.refusal("DescribeStream", StreamArn=arn) == gone
        assert not set(table.logs) & set(world.store.ids())
        assert world.catalog.deleted == {}

    with_stream(scenario)


def test_the_streams_of_a_deleted_table_and_of_its_successor_are_two() -> None:
    async def scenario(api: Api) -> None:
        world = api.world
        world.forget_deleted()
        await api.put("before")
        old = await api.arn()
        await world.ask("DeleteTable", {"TableName": "orders"})
        await world.create(STREAMED)
        await api.put("after")
        listed = (await api.streams("ListStreams", TableName="orders"))["Streams"]
        arns = [stream["StreamArn"] for stream in listed]
        assert len(set(arns)) == 2
        assert arns[0] == old
        read = [await api.names(await api.iterators("TRIM_HORIZON", of=arn)) for arn in arns]
        assert read == [{"before"}, {"after"}]

    with_stream(scenario)
