"""Batches over several partitions when some of them do not answer, or cannot take all of their share."""

import json
from random import Random
from typing import Any

import pytest

from services.leader.server import LeaderService
from services.router.http_messages import Response
from services.router.operations.batch_get_item import ANSWER_BYTES_MAX, batch_get_item
from services.router.operations.batch_write_item import batch_write_item
from services.router.operations.scan import scan
from services.router.routing import Router, Surroundings
from services.router.sendings import Sending
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_local import LocalPeers
from stator.adapters.view_memory import MemoryViews
from stator.codec.catalog_entries import Entry, encode_entry, table_key
from stator.model.errors import OutcomeUnknownError, RequestError, RetryableError, ServiceUnavailableError
from stator.model.key_order import TOKENS, token
from stator.model.positions import CATALOG_LOG, LogId, LogPosition, TimestampUs
from stator.model.tables import KeyAttribute, KeySchema, Table, even_partitions, partition_for
from stator.ports.view import Change, StoredItem
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient
from stator.runtime.replica import Replica
from tests.virtual_time import LoopClock, run

LOGS = (LogId(1), LogId(2), LogId(3), LogId(4))
TABLE = Table(
    table_id="t",
    name="Notes",
    status="ACTIVE",
    created_us=TimestampUs(1),
    key=KeySchema(KeyAttribute("id", "S")),
    partitions=even_partitions(LOGS),
)


class Here:
    """One process leads everything."""

    def leader(self, log_id: LogId) -> str:  # noqa: ARG002 - the port's
        return "here"

    def reader(self, log_id: LogId) -> str:  # noqa: ARG002 - the port's
        return "here"


class World:
    """A router, and the leader of four partitions, of which those `away` answer with their error."""

    def __init__(self) -> None:
        self.away: dict[LogId, RetryableError] = {}
        self.failures: list[str] = []
        store, views = MemoryLogStore(), MemoryViews()
        log = MemoryLog(store, exclusive=True)
        tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        for log_id in (CATALOG_LOG, *LOGS):
            store.create(log_id)
        views.open(CATALOG_LOG).apply(
            [Change(table_key("Notes"), StoredItem(TimestampUs(1), encode_entry(Entry(table=TABLE))))], LogPosition()
        )
        clock = LoopClock()
        peers = LocalPeers()
        self.leaders = LeaderService("here", log, views, clock, SeededIds(Random(1)), tasks, _no_base, on_use=True)
        self.leaders.serve(peers)
        for method in ("write_many", "get_many"):
            peers.serve(method, self._submit)
        catalog = Catalog(Replica(log, CATALOG_LOG, views.open(CATALOG_LOG), _no_base))
        self.surroundings = Surroundings(
            catalog,
            PartitionClient(peers, Here()),
            _nobody,
            _nobody,
            _nobody,  # type: ignore[arg-type]
            tasks,
            clock,
            SeededIds(Random(2)),
        )

    def _submit(self, message: Any) -> Any:
        if message.log_id in self.away:
            raise self.away[message.log_id]
        return self.leaders.partition(LogId(message.log_id)).submit(message)

    def router(self) -> Router:
        """For one request."""
        return Router(self.surroundings, Sending(""))

    async def write(self, *requests: dict[str, Any], **more: Any) -> dict[str, Any]:
        return body(await batch_write_item({"RequestItems": {"Notes": list(requests)}, **more}, self.router()))

    async def get(self, *ids: str, **more: Any) -> dict[str, Any]:
        keys = [{"id": {"S": one}} for one in ids]
        part = {"Keys": keys, "ConsistentRead": True, **more}
        return body(await batch_get_item({"RequestItems": {"Notes": part}}, self.router()))


async def _no_base(*_: Any) -> None:
    raise AssertionError("no log here begins with a Base")


def _nobody(*_: Any) -> Any:
    raise AssertionError("no batch asks control, restore or streams")


def body(response: Response) -> dict[str, Any]:
    assert response.status == 200, response.body
    assert isinstance(response.body, bytes)
    answer: dict[str, Any] = json.loads(response.body)
    return answer


def log_of(one: str) -> LogId:
    return partition_for(TABLE.partitions, token(TABLE.key.item_key({"id": {"S": one}}))).log_id


def put(one: str, text: str = "") -> dict[str, Any]:
    return {"PutRequest": {"Item": {"id": {"S": one}, "text": {"S": text}}}}


def ids(answer: dict[str, Any]) -> set[str]:
    return {item["id"]["S"] for item in answer["Responses"]["Notes"]}


NAMES = [f"n{number}" for number in range(20)]


@pytest.mark.parametrize("error", [ServiceUnavailableError("gone"), OutcomeUnknownError("late")])
def test_what_a_partition_could_not_do_is_given_back_as_it_was_sent(error: RetryableError) -> None:
    async def scenario() -> None:
        world = World()
        world.away[LogId(2)] = error
        answer = await world.write(*(put(name) for name in NAMES))
        undone = [put(name) for name in NAMES if log_of(name) == 2]
        assert undone
        assert answer["UnprocessedItems"] == {"Notes": undone}
        got = await world.get(*NAMES)
        assert ids(got) == {name for name in NAMES if log_of(name) != 2}
        assert got["UnprocessedKeys"]["Notes"] == {
            "Keys": [{"id": {"S": name}} for name in NAMES if log_of(name) == 2],
            "ConsistentRead": True,
        }
        world.away.clear()
        assert (await world.write(*answer["UnprocessedItems"]["Notes"]))["UnprocessedItems"] == {}
        assert ids(await world.get(*NAMES)) == set(NAMES)

    run(scenario())


def test_a_batch_of_which_nothing_was_done_is_an_error() -> None:
    async def scenario() -> None:
        world = World()
        world.away = {log_id: ServiceUnavailableError("gone") for log_id in LOGS}
        response = await batch_write_item({"RequestItems": {"Notes": [put("a"), put("b")]}}, world.router())
        assert response.status == 503
        got = await batch_get_item(
            {"RequestItems": {"Notes": {"Keys": [{"id": {"S": "a"}}], "ConsistentRead": True}}}, world.router()
        )
        assert got.status == 503

    run(scenario())


def test_an_answer_holds_16_megabytes_and_gives_the_other_keys_back() -> None:
    async def scenario() -> None:
        world = World()
        names = [f"n{number}" for number in range(60)]
        for name in names:
            await world.write(put(name, "x" * 300_000))
        answer = await world.get(*names, ProjectionExpression="id")
        assert len(answer["Responses"]["Notes"]) == ANSWER_BYTES_MAX // 300_010
        unread = answer["UnprocessedKeys"]["Notes"]
        assert unread.keys() == {"Keys", "ConsistentRead", "ProjectionExpression"}
        assert ids(answer) | {key["id"]["S"] for key in unread["Keys"]} == set(names)

    run(scenario())


def test_a_table_may_be_named_by_its_arn_and_is_answered_by_it() -> None:
    async def scenario() -> None:
        world = World()
        arn = "arn:aws:dynamodb:us-east-1:000000000000:table/Notes"
        world.away[log_of("a")] = ServiceUnavailableError("gone")
        other = next(name for name in NAMES if log_of(name) != log_of("a"))
        answer = body(await batch_write_item({"RequestItems": {arn: [put("a"), put(other)]}}, world.router()))
        assert answer["UnprocessedItems"] == {arn: [put("a")]}
        keys = {"Keys": [{"id": {"S": other}}], "ConsistentRead": True}
        assert body(await batch_get_item({"RequestItems": {arn: keys}}, world.router()))["Responses"].keys() == {arn}

    run(scenario())


def test_one_item_cannot_be_written_under_two_names_of_its_table() -> None:
    async def scenario() -> None:
        world = World()
        named = {"Notes": [put("a")], "arn:aws:dynamodb:us-east-1:000000000000:table/Notes": [put("a", "2")]}
        with pytest.raises(RequestError, match="Provided list of item keys contains duplicates"):
            batch_write_item({"RequestItems": named}, world.router())

    run(scenario())


def test_a_scan_reads_all_partitions_while_pages_end_between_them() -> None:
    async def scenario() -> None:
        world = World()
        await world.write(*(put(name) for name in NAMES))
        request: dict[str, Any] = {"TableName": "Notes", "ConsistentRead": True, "Limit": 3}
        found: list[str] = []
        while True:
            page = body(await scan(request, world.router()))
            found += [item["id"]["S"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        assert sorted(found) == sorted(NAMES)
        places = [token(TABLE.key.item_key({"id": {"S": name}})) for name in found]
        assert places == sorted(places)
        assert places[-1] < TOKENS

    run(scenario())


KEYS = [{"id": {"S": str(number)}} for number in range(100)]
PUTS = [put(str(number)) for number in range(25)]
TWICE = "Provided list of item keys contains duplicates"
NO_ONE_KIND = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)


@pytest.mark.parametrize(
    ("operation", "items", "said"),
    [
        (batch_get_item, {"a": {"Keys": KEYS}, "b": {"Keys": KEYS[:1]}}, "Too many items requested for the BatchGetItem call"),
        (batch_get_item, {"a": {"Keys": [KEYS[0], KEYS[0]]}}, TWICE),
        (batch_get_item, {"a": {"Keys": KEYS}}, "Requested resource not found"),
        (batch_get_item, {"Notes": {"Keys": [{}]}}, "The provided key element does not match the schema"),
        (batch_write_item, {"a": PUTS, "b": PUTS[:1]}, "Too many items requested for the BatchWriteItem call"),
        (batch_write_item, {"a": [{}]}, NO_ONE_KIND),
        (batch_write_item, {"a": [PUTS[0] | {"DeleteRequest": {"Key": KEYS[0]}}]}, NO_ONE_KIND),
        (batch_write_item, {"a": [put("0", "x" * 410_000)]}, "Item size has exceeded the maximum allowed size"),
        (batch_write_item, {"a": [PUTS[0], {"DeleteRequest": {"Key": KEYS[0]}}]}, "Requested resource not found"),
        (batch_write_item, {"Notes": [PUTS[0], {"DeleteRequest": {"Key": KEYS[0]}}]}, TWICE),
    ],
)  # fmt: skip
def test_a_wrong_batch_is_refused_before_anything_is_asked(operation: Any, items: dict[str, Any], said: str) -> None:
    """In the order of AWS's checks, as recorded in dynalite's tests: what needs no table comes first."""

    async def scenario() -> None:
        with pytest.raises(RequestError) as refused:
            operation({"RequestItems": items}, World().router())
        assert refused.value.message == said

    run(scenario())
