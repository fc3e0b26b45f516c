"""Gauges of a process's logs: named after tables that exist, and silent about what is not known."""

import asyncio
from collections.abc import Callable, Iterable

from stator.adapters.clock_manual import ManualClock
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.model.key_order import TOKENS
from stator.model.positions import LogId, TimestampUs
from stator.model.tables import Index, KeyAttribute, KeySchema, Partition, Projection, Table
from stator.rules.reports import Place
from stator.runtime.log_ends import ends_of
from stator.runtime.log_gauges import LogGauges
from stator.runtime.metric_names import DAMAGED, EPOCH, LAG_OFFSETS, LAG_SECONDS, POSITION, TTL_DELETED
from stator.runtime.vitals import Vitals
from tests.vitals import vitals_of

NOTES = Table(
    table_id="t",
    name="Notes",
    status="ACTIVE",
    created_us=TimestampUs(1),
    key=KeySchema(KeyAttribute("id", "S")),
    partitions=(Partition(LogId(1), 0, TOKENS - 1),),
    indexes=(
        Index("ByTag", KeySchema(KeyAttribute("tag", "S")), Projection("ALL"), (Partition(LogId(2), 0, TOKENS - 1),)),
    ),
)


class _Held:
    table = NOTES


class Tables:
    """What gauges read of a catalog."""

    def __init__(self) -> None:
        self.tables = {"Notes": _Held()}
        self.watchers: list[Callable[[Table | None, Table | None], None]] = []


def shown(*places: Place, ends: dict[int, int]) -> dict[str, dict[tuple[str, ...], float]]:
    async def scenario() -> Vitals:
        store = MemoryLogStore()
        for log_id, end in ends.items():
            store.create(LogId(log_id))
            for _ in range(end):
                store.land(LogId(log_id), b"record")
        vitals = vitals_of("leader-1", "leader")
        vitals.places.append(lambda: places)
        LogGauges(vitals, Tables(), MemoryLog(store), ManualClock())  # type: ignore[arg-type]
        await vitals.refresh()
        return vitals

    vitals = asyncio.run(scenario())
    return {metric.name: dict(readings) for metric, readings in vitals.meters.gauges()}


def test_positions_epochs_and_lags_carry_the_names_of_table_and_index() -> None:
    now_us = ManualClock().now_us()
    gauges = shown(
        Place(log_id=1, duty="leads", next_offset=7, epoch=3),
        Place(log_id=2, duty="views", next_offset=2, timestamp_us=now_us - 4_000_000),
        ends={1: 7, 2: 5},
    )
    assert gauges[POSITION.name] == {("leads", "Notes", "", "1"): 7, ("views", "Notes", "ByTag", "2"): 2}
    assert gauges[LAG_OFFSETS.name] == {("leads", "Notes", "", "1"): 0, ("views", "Notes", "ByTag", "2"): 3}
    assert gauges[LAG_SECONDS.name] == {("leads", "Notes", "", "1"): 0, ("views", "Notes", "ByTag", "2"): 4.0}
    assert gauges[EPOCH.name] == {("Notes", "", "1"): 3}


def test_a_lag_is_left_out_when_the_end_is_unknown() -> None:
    gauges = shown(Place(log_id=1, duty="views", next_offset=7), ends={})
    assert gauges[LAG_OFFSETS.name] == {}
    assert gauges[POSITION.name] == {("views", "Notes", "", "1"): 7}


def test_a_view_of_a_deleted_table_makes_no_series() -> None:
    assert not any(shown(Place(log_id=77, duty="views", next_offset=7), ends={77: 8})[POSITION.name])


def test_damage_is_a_one() -> None:
    gauges = shown(Place(log_id=1, duty="views", next_offset=7, problem="does not check"), ends={1: 7})
    assert gauges[DAMAGED.name] == {("views", "Notes", "1"): 1.0}


def test_what_was_counted_of_a_deleted_table_is_forgotten() -> None:
    vitals, catalog = vitals_of("leader-1", "leader"), Tables()
    LogGauges(vitals, catalog, MemoryLog(MemoryLogStore()), ManualClock())  # type: ignore[arg-type]
    vitals.meters.counter(TTL_DELETED, "Notes").add()
    vitals.meters.counter(TTL_DELETED, "Other").add()
    for watch in catalog.watchers:
        watch(NOTES, None)
    assert [list(children) for _, children in vitals.meters.counters()] == [[("Other",)]]


def test_damage_and_a_full_disk_are_warnings_and_no_reason() -> None:
    vitals = vitals_of("leader-1", "leader")
    vitals.health.starting = None

    def broken() -> Iterable[Place]:
        yield Place(log_id=5, duty="views", next_offset=7, problem="record 7 is cut short")

    vitals.places.append(broken)
    verdict = asyncio.run(vitals.health.verdict())
    assert verdict.ready
    (warning,) = verdict.warnings
    assert warning.startswith("log 5 (views) does not check: record 7 is cut short. If no other process")


def test_ends_are_those_of_the_logs_that_answer() -> None:
    async def ends() -> dict[LogId, int]:
        store = MemoryLogStore()
        for number in range(1, 41):
            store.create(LogId(number))
            store.land(LogId(number), b"record")
        return dict(await ends_of(MemoryLog(store), [LogId(number) for number in range(1, 60)], 5.0))

    assert asyncio.run(ends()) == dict.fromkeys(range(1, 41), 1)
