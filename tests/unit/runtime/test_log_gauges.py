"""Gauges of a process's logs: named after tables that exist, and silent about what is not known."""

import asyncio
from collections.abc import Callable, Iterable

from stator.adapters.clock_manual import ManualClock
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.model.key_order import TOKENS
from stator.model.positions import LaneState, LogId, Offset, TimestampUs
from stator.model.records import Kind
from stator.model.tables import Index, KeyAttribute, KeySchema, Partition, Projection, Table
from stator.rules.reports import Place
from stator.runtime.log_ends import READ_AT_MOST, ends_of, times_at
from stator.runtime.log_gauges import LogGauges
from stator.runtime.metric_names import DAMAGED, EPOCH, LAG_OFFSETS, LAG_SECONDS, POSITION, TTL_DELETED
from stator.runtime.vitals import Vitals
from tests.histories import Writer
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


def test_a_lag_in_seconds_is_the_age_of_the_oldest_record_not_taken_in() -> None:
    async def scenario() -> dict[tuple[str, ...], float]:
        clock, store = ManualClock(), MemoryLogStore()
        store.create(LogId(1))
        writer = Writer(LaneState())
        for age_s in (3600, 9, 4):
            timestamp_us = clock.now_us() - age_s * 1_000_000
            store.land(LogId(1), writer.record(LogId(1), Kind.BARRIER, timestamp_us, b"", None))
        vitals = vitals_of("materializer-1", "materializer")
        hour_ago_us = clock.now_us() - 3600 * 1_000_000
        vitals.places.append(lambda: [Place(log_id=1, duty="views", next_offset=1, timestamp_us=hour_ago_us)])
        LogGauges(vitals, Tables(), MemoryLog(store), clock)  # type: ignore[arg-type]
        await vitals.refresh()
        return next(dict(readings) for metric, readings in vitals.meters.gauges() if metric == LAG_SECONDS)

    assert asyncio.run(scenario()) == {("views", "Notes", "", "1"): 9.0}


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


def test_no_more_records_are_looked_at_than_a_busy_log_can_bear() -> None:
    async def looked_at() -> int:
        store = MemoryLogStore()
        store.create(LogId(1))
        writer = Writer(LaneState())
        for number in range(2 * READ_AT_MOST):
            store.land(LogId(1), writer.record(LogId(1), Kind.BARRIER, number, b"", None))
        spots = [(LogId(1), Offset(number)) for number in range(2 * READ_AT_MOST)]
        times = await times_at(MemoryLog(store), spots, 5.0)
        assert times == {spot: spot[1] for spot in spots[:READ_AT_MOST]}
        return len(times)

    assert asyncio.run(looked_at()) == READ_AT_MOST


def test_ends_are_those_of_the_logs_that_answer() -> None:
    async def ends() -> dict[LogId, int]:
        store = MemoryLogStore()
        for number in range(1, 41):
            store.create(LogId(number))
            store.land(LogId(number), b"record")
        return dict(await ends_of(MemoryLog(store), [LogId(number) for number in range(1, 60)], 5.0))

    assert asyncio.run(ends()) == dict.fromkeys(range(1, 41), 1)
