"""What a client is told of how far it has seen the logs, and what becomes of what it sends back."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from services.router.accounts import Accounts
from services.router.dispatch import Dispatch
from services.router.http_messages import Request, Response
from services.router.positions import POSITION_HEADER
from services.router.routing import Surroundings
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_local import LocalPeers
from stator.adapters.view_memory import MemoryViews
from stator.codec.catalog_entries import Entry, encode_entry, table_key
from stator.codec.position_tokens import decode_positions, encode_positions
from stator.model.errors import ViewBehindError
from stator.model.key_order import token
from stator.model.positions import CATALOG_LOG, LogId, LogPosition, Offset, TimestampUs
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection, Table, even_partitions, partition_for
from stator.ports.view import Change, StoredItem
from stator.rules.commands import Got, GotMany, Outcome, Outcomes, Page
from stator.rules.transaction_messages import Look, Looks, Transacted
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.meters import Meters
from stator.runtime.partition_client import PartitionClient
from stator.runtime.replica import Replica
from tests.virtual_time import LoopClock, run

LOGS = (LogId(1), LogId(2))
INDEX_LOG = LogId(3)
KEY = KeySchema(KeyAttribute("id", "S"))
TABLE = Table(
    table_id="t",
    name="Notes",
    status="ACTIVE",
    created_us=TimestampUs(1),
    key=KEY,
    partitions=even_partitions(LOGS),
    indexes=(Index("by-id", KEY, Projection("ALL"), even_partitions((INDEX_LOG,))),),
)
STRONG = {"ConsistentRead": True}
QUERY = {
    "TableName": "Notes",
    "KeyConditionExpression": "id = :i",
    "ExpressionAttributeValues": {":i": {"S": "a"}},
}
ANSWERS: dict[str, Callable[[int], Any]] = {
    "write": lambda reached: Outcome(reached=reached),
    "write_many": lambda reached: Outcomes([Outcome(), Outcome()], reached),
    "get": lambda reached: Got(None, reached),
    "get_many": lambda reached: GotMany([None, None], reached),
    "query": lambda reached: Page([], 0, 0, 0, None, reached=reached),
    "transact": lambda reached: Transacted([Outcome()], reached=reached),
    "transact_read": lambda reached: Looks([Look(None, 0)], (0, 0), reached),
}


def log_of(item_id: str) -> LogId:
    return partition_for(TABLE.partitions, token(KEY.item_key({"id": {"S": item_id}}))).log_id


HERE = log_of("a")
THERE = next(log_id for log_id in LOGS if log_id != HERE)
ELSEWHERE = next(f"{number}" for number in range(100) if log_of(f"{number}") == THERE)


class World:
    """A router whose partitions answer that they have `reached` so much; `asked` has what they were asked."""

    def __init__(self) -> None:
        self.reached = 70
        self.behind = False
        self.asked: list[tuple[str, Any]] = []
        store, views = MemoryLogStore(), MemoryViews()
        store.create(CATALOG_LOG)
        entry = StoredItem(TimestampUs(1), encode_entry(Entry(table=TABLE)))
        views.open(CATALOG_LOG).apply([Change(table_key("Notes"), entry)], LogPosition())
        catalog = Catalog(Replica(MemoryLog(store), CATALOG_LOG, views.open(CATALOG_LOG), _nobody))
        peers = LocalPeers()
        for method, answer in ANSWERS.items():
            self._serve(peers, method, answer)
            self._serve(peers, f"read_{method}", answer)
        clock, tasks = LoopClock(), Tasks(lambda task, error: pytest.fail(f"{task}: {error!r}"))
        surroundings = Surroundings(
            catalog,
            PartitionClient(peers, self),
            _nobody,
            _nobody,
            _nobody,  # type: ignore[arg-type]
            tasks,
            clock,
            SeededIds(Random(1)),
        )
        self._dispatch = Dispatch(surroundings, Accounts(Meters(), catalog, clock.monotonic))

    def _serve(self, peers: LocalPeers, method: str, answer: Callable[[int], Any]) -> None:
        def handle(message: Any) -> Any:
            self.asked.append((method, message))
            if self.behind and method.startswith("read_"):
                raise ViewBehindError
            return answer(self.reached)

        peers.serve(method, handle)

    def leader(self, _log_id: LogId) -> str:
        return "here"

    def reader(self, _log_id: LogId) -> str:
        return "here"

    async def call(self, operation: str, position: str | None = None, **request: Any) -> Response:
        body = msgspec.json.encode(request)
        headers = {} if position is None else {POSITION_HEADER: position}
        asked = Request("POST", "/", f"DynamoDB_20120810.{operation}", headers, body, body, "id")
        answer = self._dispatch(asked)
        return await answer if isinstance(answer, asyncio.Future) else answer

    async def told(self, operation: str, position: str | None = None, **request: Any) -> dict[LogId, Offset]:
        """What the answer's token says."""
        response = await self.call(operation, position, **request)
        assert response.status == 200, response.body
        return decode_positions(response.position)


def _nobody(*_: Any) -> Any:
    raise AssertionError("nobody asks control, restore or streams")


def key(item_id: str) -> dict[str, Any]:
    return {"id": {"S": item_id}}


def position(**reached: int) -> str:
    return encode_positions(
        {{"here": HERE, "there": THERE, "index": INDEX_LOG}[log]: at for log, at in reached.items()}
    )  # type: ignore[misc]


BOTH = [key("a"), key(ELSEWHERE)]
SINGLE: list[tuple[str, dict[str, Any]]] = [
    ("PutItem", {"TableName": "Notes", "Item": key("a")}),
    ("DeleteItem", {"TableName": "Notes", "Key": key("a")}),
    ("UpdateItem", {"TableName": "Notes", "Key": key("a")}),
    ("GetItem", {"TableName": "Notes", "Key": key("a")}),
    ("GetItem", {"TableName": "Notes", "Key": key("a"), **STRONG}),
    ("Query", QUERY),
    ("Query", {**QUERY, **STRONG}),
    ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "Notes", "Item": key("a")}}]}),
]
MANY: list[tuple[str, dict[str, Any]]] = [
    ("BatchGetItem", {"RequestItems": {"Notes": {"Keys": BOTH}}}),
    ("BatchGetItem", {"RequestItems": {"Notes": {"Keys": BOTH, **STRONG}}}),
    ("BatchWriteItem", {"RequestItems": {"Notes": [{"PutRequest": {"Item": one}} for one in BOTH]}}),
    ("Scan", {"TableName": "Notes"}),
    ("Scan", {"TableName": "Notes", **STRONG}),
    ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "Notes", "Key": one}} for one in BOTH]}),
]


@pytest.mark.parametrize(("operation", "request_"), SINGLE)
def test_an_answer_tells_how_far_its_partition_has_been_seen(operation: str, request_: dict[str, Any]) -> None:
    async def scenario() -> None:
        world = World()
        assert await world.told(operation, **request_) == {HERE: 70}
        assert await world.told(operation, position(there=5, here=60), **request_) == {HERE: 70, THERE: 5}

    run(scenario())


@pytest.mark.parametrize(("operation", "request_"), MANY)
def test_an_answer_from_several_partitions_tells_of_all(operation: str, request_: dict[str, Any]) -> None:
    async def scenario() -> None:
        world = World()
        assert await world.told(operation, **request_) == {HERE: 70, THERE: 70}
        assert await world.told(operation, position(index=4), **request_) == {HERE: 70, THERE: 70, INDEX_LOG: 4}

    run(scenario())


@pytest.mark.parametrize(("operation", "request_"), [*SINGLE, *MANY])
def test_eventual_reads_ask_for_what_the_client_has_seen(operation: str, request_: dict[str, Any]) -> None:
    async def scenario() -> None:
        world = World()
        await world.call(operation, position(here=60, there=50, index=9), **request_)
        asked = {message.log_id: message.reached for method, message in world.asked if method.startswith("read_")}
        eventual = operation in {"GetItem", "Query", "Scan", "BatchGetItem"} and "ConsistentRead" not in str(request_)
        assert asked == (
            {HERE: 60} | ({THERE: 50} if operation not in {"GetItem", "Query"} else {}) if eventual else {}
        )

    run(scenario())


def test_through_an_index_its_log_and_all_of_its_sources_are_asked_for() -> None:
    async def scenario() -> None:
        world = World()
        told = await world.told("Query", position(here=60, there=50, index=9), **QUERY, IndexName="by-id")
        ((_, query),) = world.asked
        assert (query.log_id, query.reached, query.sources) == (INDEX_LOG, 9, {HERE: 60, THERE: 50})
        assert told == {INDEX_LOG: 70, HERE: 60, THERE: 50}

    run(scenario())


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("GetItem", {"TableName": "Notes", "Key": key("a")}), ("Query", QUERY), MANY[0], ("Scan", {"TableName": "Notes"})],
)
def test_what_views_do_not_have_yet_the_leader_answers(operation: str, request_: dict[str, Any]) -> None:
    async def scenario() -> None:
        world = World()
        world.behind = True
        assert (await world.told(operation, position(here=60), **request_))[HERE] == 70
        assert not world.asked[-1][0].startswith("read_")

    run(scenario())


def test_an_index_that_stays_behind_is_an_error_to_be_tried_again() -> None:
    async def scenario() -> None:
        world = World()
        world.behind = True
        response = await world.call("Query", position(here=60), **QUERY, IndexName="by-id")
        assert (response.status, response.error, response.position) == (503, "ServiceUnavailable", "")

    run(scenario())


def test_a_position_of_another_deployment_is_put_right() -> None:
    async def scenario() -> None:
        world = World()
        assert await world.told("GetItem", position(here=999), TableName="Notes", Key=key("a"), **STRONG) == {HERE: 70}

    run(scenario())


def test_a_partition_of_an_older_version_tells_nothing() -> None:
    async def scenario() -> None:
        world = World()
        world.reached = 0
        response = await world.call("GetItem", TableName="Notes", Key=key("a"))
        assert (response.status, response.position) == (200, "")

    run(scenario())


def test_what_is_no_position_is_refused_before_anything_is_asked() -> None:
    async def scenario() -> None:
        world = World()
        response = await world.call("PutItem", "latest", TableName="Notes", Item=key("a"))
        assert response.error == "ValidationException"
        assert b"x-stator-position" in bytes(response.body)  # type: ignore[arg-type]
        assert not world.asked

    run(scenario())


def test_requests_that_read_no_items_tell_no_position() -> None:
    async def scenario() -> None:
        assert (await World().call("ListTables", position(here=60))).position == ""

    run(scenario())
