"""The state of a deployment out of its processes' reports."""

import msgspec

from stator.model.key_order import TOKENS
from stator.model.positions import CATALOG_LOG, LEDGER_LOG, LogId, Offset, TimestampUs
from stator.model.tables import (
    Index,
    KeyAttribute,
    KeySchema,
    Partition,
    Projection,
    RestoreOrigin,
    Stream,
    Table,
)
from stator.rules.reports import Place, Report
from stator.rules.status import NodeStatus, Spot, Standing, Status, spots_behind, status_of

NOW_US = 1_800_000_000_000_000
MEMBERS = {"router-1": "router", "leader-1": "leader", "leader-2": "leader", "materializer-1": "materializer"}
HALF = TOKENS // 2
NOTES = Table(
    table_id="t",
    name="Notes",
    status="ACTIVE",
    created_us=TimestampUs(1),
    key=KeySchema(KeyAttribute("id", "S"), KeyAttribute("at", "N")),
    partitions=(Partition(LogId(1), 0, HALF - 1), Partition(LogId(2), HALF, TOKENS - 1)),
    indexes=(
        Index(
            "ByAuthor", KeySchema(KeyAttribute("author", "S")), Projection("ALL"), (Partition(LogId(3), 0, TOKENS - 1),)
        ),
    ),
)
ENDS = {CATALOG_LOG: Offset(9), LogId(1): Offset(100), LogId(2): Offset(50), LogId(3): Offset(20)}


def report(node: str, *places: Place, now_us: int = NOW_US) -> Report:
    return Report(
        node=node,
        role=MEMBERS[node],
        version="1",
        now_us=now_us,
        ready=True,
        reasons=[],
        warnings=[],
        data="/data",
        disk_free=5,
        disk_total=10,
        places=list(places),
    )


def status(
    *reports: Report,
    table: Table = NOTES,
    ends: dict[LogId, Offset] = ENDS,
    times: dict[Spot, TimestampUs] | None = None,
) -> Status:
    asker = report("router-1")
    return status_of(asker, MEMBERS, [asker, *reports], [table], ends, times or {}, lambda table: f"topic.{table.name}")


def test_what_is_undecided_is_told_by_the_view_that_is_furthest() -> None:
    late = Place(1, "follows", 80, undecided=9, undecided_since_us=1)
    leads = Place(1, "leads", 100, epoch=3, undecided=2, undecided_since_us=NOW_US - 5_000_000)
    whole = status(report("leader-1", late), report("leader-2", leads, Place(LEDGER_LOG, "leads", 7, epoch=4)))
    first, second = whole.tables[0].partitions
    assert (first.undecided, first.undecided_s) == (2, 5.0)
    assert (second.undecided, second.undecided_s) == (0, 0.0)
    assert (whole.ledger.leader, whole.ledger.epoch) == ("leader-2", 4)


def test_a_silent_process_is_listed_as_silent() -> None:
    nodes = {node.node: node for node in status(report("leader-1", now_us=NOW_US + 2_500_000)).nodes}
    assert nodes["leader-2"] == NodeStatus("leader-2", "leader")
    assert nodes["leader-1"].answers
    assert nodes["leader-1"].clock_ahead_s == 2.5
    assert list(nodes) == sorted(MEMBERS)


def test_of_two_that_say_they_lead_the_higher_epoch_does() -> None:
    deposed = Place(log_id=1, duty="leads", next_offset=90, epoch=3, items=7)
    leading = Place(log_id=1, duty="leads", next_offset=99, epoch=4, items=8)
    first, second = status(report("leader-1", deposed), report("leader-2", leading)).tables[0].partitions
    assert (first.leader, first.epoch, first.items) == ("leader-2", 4, 8)
    assert (second.leader, second.epoch) == (None, 0)


def test_a_table_holds_what_the_furthest_views_of_its_partitions_hold() -> None:
    leads = Place(log_id=1, duty="leads", next_offset=100, items=10, bytes=1000)
    behind = Place(log_id=1, duty="views", next_offset=80, items=9, bytes=900)
    other = Place(log_id=2, duty="views", next_offset=50, items=5, bytes=500)
    table = status(report("leader-1", leads), report("materializer-1", behind, other)).tables[0]
    assert (table.items, table.bytes) == (15, 1500)


def test_lag_is_in_records_and_in_seconds_and_none_at_the_end() -> None:
    behind = Place(log_id=1, duty="views", next_offset=80, timestamp_us=NOW_US - 3_000_000)
    there = Place(log_id=1, duty="archives", next_offset=100, waiting_s=60.0)
    standings = status(report("materializer-1", behind, there)).tables[0].partitions[0].standings
    assert standings == [
        Standing("materializer-1", "views", 80, 20, 3.0),
        Standing("materializer-1", "archives", 100, 0, 0.0),
    ]


def test_who_is_behind_is_so_since_the_oldest_record_that_it_has_not_taken_in() -> None:
    just_now_us = TimestampUs(NOW_US - 500_000)
    idle_since_long = Place(log_id=1, duty="views", next_offset=98, timestamp_us=NOW_US - 3_600_000_000)
    unknown = Place(log_id=2, duty="publishes", next_offset=40)
    times = {(LogId(1), Offset(98)): just_now_us, (LogId(2), Offset(40)): TimestampUs(NOW_US - 9_000_000)}
    partitions = status(report("leader-1", idle_since_long, unknown), times=times).tables[0].partitions
    assert [(one.standings[0].lag, one.standings[0].lag_s) for one in partitions] == [(2, 0.5), (10, 9.0)]


def test_what_must_be_looked_at_is_what_is_behind_by_most_first_and_not_what_tells_itself() -> None:
    places = [
        Place(log_id=1, duty="views", next_offset=98),
        Place(log_id=1, duty="follows", next_offset=98),
        Place(log_id=1, duty="leads", next_offset=100),
        Place(log_id=1, duty="archives", next_offset=7, waiting_s=3.0),
        Place(log_id=2, duty="views", next_offset=10),
        Place(log_id=77, duty="views", next_offset=1),
    ]
    assert spots_behind(places, ENDS) == [(LogId(2), Offset(10)), (LogId(1), Offset(98))]


def test_nothing_is_made_up_about_a_log_whose_end_is_unknown() -> None:
    view = Place(log_id=3, duty="views", next_offset=20)
    shown = status(report("materializer-1", view), ends={}).tables[0]
    assert shown.partitions[0].end == -1
    assert shown.indexes[0].partitions[0].standings[0].lag == -1
    assert shown.indexes[0].behind == -1


def test_an_index_is_as_far_behind_as_whoever_works_on_its_slowest_source() -> None:
    quick, slow = (
        Place(log_id=1, duty="indexes", next_offset=99),
        Place(log_id=2, duty="indexes", next_offset=40),
    )
    forgotten = Place(log_id=2, duty="indexes", next_offset=7)
    assert status(report("leader-1", quick, slow), report("leader-2", forgotten)).tables[0].indexes[0].behind == 10
    assert status(report("leader-1", quick)).tables[0].indexes[0].behind == -1


def test_streams_restores_and_damage_are_shown() -> None:
    origin = RestoreOrigin("s", "Source", NOTES.partitions, TimestampUs(5))
    table = NOTES.evolve(stream=Stream("KEYS_ONLY", "label"), restore=origin)
    broken = Place(log_id=2, duty="views", next_offset=3, problem="the log does not check")
    shown = status(report("materializer-1", broken), table=table).tables[0]
    assert shown.stream is not None
    assert shown.stream.topic == "topic.Notes"
    assert shown.restoring_from == "Source"
    assert shown.partitions[1].standings[0].problem == "the log does not check"
    finished = NOTES.evolve(restore=RestoreOrigin("s", "Source", NOTES.partitions, TimestampUs(5), finished=True))
    assert status(table=finished).tables[0].restoring_from is None


def test_a_status_crosses_as_json() -> None:
    place = Place(log_id=1, duty="leads", next_offset=100, epoch=4)
    whole = status(report("leader-1", place))
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Status) == whole
    assert whole.tables[0].partitions[1].first_token == "8000000000000000"
    assert whole.tables[0].key == ["id (S)", "at (N)"]
