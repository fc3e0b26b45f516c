"""What is counted, and that clients cannot make up series."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from services.router.accounts import Accounts
from services.router.http_messages import Response, Usage
from stator.model.key_order import TOKENS
from stator.model.positions import LogId, TimestampUs
from stator.model.tables import KeyAttribute, KeySchema, Partition, Table, Throughput
from stator.runtime.meters import Meters
from stator.runtime.metric_names import (
    CONDITIONS_FAILED,
    PROVISIONED_READ,
    READ_UNITS,
    REQUEST_DURATION,
    RETURNED_ITEMS,
    RETURNED_RECORDS,
    SYSTEM_ERRORS,
    THROTTLED,
    USER_ERRORS,
    WRITE_UNITS,
)

NOTES = Table(
    table_id="t",
    name="Notes",
    status="ACTIVE",
    created_us=TimestampUs(1),
    key=KeySchema(KeyAttribute("id", "S")),
    partitions=(Partition(LogId(1), 0, TOKENS - 1),),
    on_demand=False,
    throughput=Throughput(5, 7),
)


class _Held:
    def __init__(self, table: Table) -> None:
        self.table = table


class Tables:
    """What accounts read of a catalog."""

    def __init__(self) -> None:
        self.tables: dict[str, _Held] = {"Notes": _Held(NOTES)}
        self.watchers: list[Any] = []

    def table(self, name: str) -> Table | None:
        held = self.tables.get(name)
        return None if held is None else held.table

    def drop(self) -> None:
        self.tables.clear()
        for watch in self.watchers:
            watch(NOTES, None)


class World:
    def __init__(self) -> None:
        self.time = 0.0
        self.catalog = Tables()
        self.meters = Meters()
        self.accounts = Accounts(self.meters, self.catalog, lambda: self.time)  # type: ignore[arg-type]

    def answer(self, response: Response, operation: str = "PutItem", table: str = "Notes") -> None:
        self.accounts.settle(operation, {"TableName": table}, self.time, response)

    def series(self) -> set[tuple[str, ...]]:
        children = [*self.meters.counters(), *self.meters.distributions()]
        return {labels for _, by_labels in children for labels in by_labels}


def test_an_answer_is_timed_and_charged_to_table_and_index() -> None:
    world = World()
    usage = (Usage("Notes", read_units=0.5, items=3), Usage("Notes", "ByDate", write_units=2.0))
    began_at = world.accounts.now()
    world.time = 0.004
    world.accounts.settle("Query", {"TableName": "Notes"}, began_at, Response(200, b"{}", usage=usage))
    duration = world.meters.distribution(REQUEST_DURATION, "Notes", "Query")
    assert (sum(duration.counts), duration.total) == (1, 0.004)
    assert world.meters.counter(READ_UNITS, "Notes", "").value == 0.5
    assert world.meters.counter(WRITE_UNITS, "Notes", "ByDate").value == 2.0
    assert world.meters.counter(RETURNED_ITEMS, "Notes", "Query").value == 3


def test_a_batch_is_charged_to_each_table_it_names() -> None:
    world = World()
    world.catalog.tables["Other"] = _Held(NOTES.evolve(name="Other"))
    usage = (Usage("Notes", read_units=2.0, items=3), Usage("Other", read_units=1.0, items=1))
    world.accounts.settle("BatchGetItem", {}, 0.0, Response(200, usage=usage))
    assert world.meters.counter(RETURNED_ITEMS, "Notes", "BatchGetItem").value == 3
    assert world.meters.counter(READ_UNITS, "Other", "").value == 1.0


def test_change_records_are_counted_by_table() -> None:
    world = World()
    world.accounts.settle("GetRecords", {}, 0.0, Response(200, usage=(Usage("Notes", records=5),)))
    assert world.meters.counter(RETURNED_RECORDS, "Notes").value == 5


def test_an_answer_that_comes_later_is_timed_to_its_end() -> None:
    world = World()

    async def late() -> None:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        world.accounts.settle("PutItem", {"TableName": "Notes"}, 0.0, answer)
        world.time = 0.3
        answer.set_result(Response(200))
        await asyncio.sleep(0)

    run(late())
    assert world.meters.distribution(REQUEST_DURATION, "Notes", "PutItem").total == 0.3


def test_an_answer_that_never_came_is_our_error() -> None:
    world = World()

    async def cancelled() -> None:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        world.accounts.settle("PutItem", {"TableName": "Notes"}, 0.0, answer)
        answer.cancel()
        await asyncio.sleep(0)

    run(cancelled())
    assert world.meters.counter(SYSTEM_ERRORS, "Notes", "PutItem").value == 1


def test_each_kind_of_error_is_counted_as_cloudwatch_does_and_none_as_a_success() -> None:
    world = World()
    world.answer(Response(400, error="ConditionalCheckFailedException"))
    world.answer(Response(400, error="ProvisionedThroughputExceededException"))
    world.answer(Response(400, error="ValidationException"))
    world.answer(Response(400, error="ResourceNotFoundException"))
    world.answer(Response(503, error="ServiceUnavailable"))
    meters = world.meters
    assert meters.counter(CONDITIONS_FAILED, "Notes").value == 1
    assert meters.counter(THROTTLED, "Notes", "PutItem").value == 1
    assert meters.counter(USER_ERRORS, "PutItem").value == 2
    assert meters.counter(SYSTEM_ERRORS, "Notes", "PutItem").value == 1
    assert sum(meters.distribution(REQUEST_DURATION, "Notes", "PutItem").counts) == 0


def test_made_up_table_names_make_no_series() -> None:
    world = World()
    for number in range(100):
        world.answer(Response(400, error="ResourceNotFoundException"), table=f"made-up-{number}")
    assert not any("made-up" in label for labels in world.series() for label in labels)
    assert world.meters.counter(USER_ERRORS, "PutItem").value == 100


def test_a_deleted_table_takes_its_series_with_it() -> None:
    world = World()
    world.answer(Response(200, usage=(Usage("Notes", "ByDate", read_units=1.0),)))
    assert any("Notes" in labels for labels in world.series())
    world.catalog.drop()
    assert not any("Notes" in labels for labels in world.series())
    world.answer(Response(400, error="ResourceNotFoundException"))
    assert not any("Notes" in labels for labels in world.series())


def test_records_of_a_deleted_tables_stream_make_no_series_for_it() -> None:
    world = World()
    for _ in range(2):
        world.accounts.settle("GetRecords", {}, 0.0, Response(200, usage=(Usage("Gone", records=5),)))
    assert world.meters.counter(RETURNED_RECORDS, "").value == 10
    assert not any("Gone" in labels for labels in world.series())


def test_provisioned_units_are_read_from_the_catalog() -> None:
    readings = {metric: list(values) for metric, values in World().meters.gauges()}
    assert readings[PROVISIONED_READ] == [(("Notes", ""), 5)]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)
