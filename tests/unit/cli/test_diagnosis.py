"""What the doctor makes of a deployment's state: nothing of a well one, and one clear finding for each trouble."""

import pytest

from services.cli.diagnosis import diagnose
from stator.rules.status import Standing, Status, TableStatus
from tests.unit.cli.states import NOW_US, WELL, changed, partition, standing


def found(status: Status) -> str:
    """The one finding there is."""
    (finding,) = diagnose(status)
    assert finding.remedy
    return finding.what


def with_table(**changes: object) -> Status:
    return changed(WELL, tables=[changed(WELL.tables[0], **changes)])


def with_standing(spoilt: Standing) -> Status:
    (old,) = WELL.tables[0].partitions
    standings = [spoilt if (one.node, one.duty) == (spoilt.node, spoilt.duty) else one for one in old.standings]
    return with_table(partitions=[changed(old, standings=standings)])


def with_node(**changes: object) -> Status:
    return changed(WELL, nodes=[changed(one, **changes) if one.node == "leader-2" else one for one in WELL.nodes])


def test_a_well_deployment_has_no_findings() -> None:
    assert diagnose(WELL) == []


def test_a_silent_process_is_found() -> None:
    assert found(with_node(answers=False)) == "process leader-2 does not answer"


def test_what_a_process_says_of_itself_is_told() -> None:
    reason = "Kafka does not answer"
    assert found(with_node(ready=False, reasons=[reason])) == f"{reason}, so leader-2 cannot work"
    assert found(with_node(warnings=["the disk is nearly full"])) == "the disk is nearly full, says leader-2"


def test_a_view_that_was_made_anew_is_told_of() -> None:
    told = found(with_standing(changed(standing("leader-2", "follows"), rebuilds=2)))
    assert told == (
        "leader-2's view of partition 1 of table Notes was wrong and has been made anew 2 times since the process started"
    )


def test_an_outage_is_one_finding_however_many_suffer_from_it() -> None:
    spoilt = changed(WELL, nodes=[changed(one, warnings=["the object store does not answer"]) for one in WELL.nodes])
    assert found(spoilt).startswith("the object store does not answer, says archiver-1, leader-1, leader-2,")


@pytest.mark.parametrize(("ahead_s", "words"), [(12.0, "12.0 s ahead of"), (-7200.0, "2 h behind")])
def test_clocks_that_differ_are_found(ahead_s: float, words: str) -> None:
    assert found(with_node(clock_ahead_s=ahead_s)) == f"the clock of leader-2 is {words} that of router-1"


def test_versions_that_differ_are_found() -> None:
    assert found(with_node(version="0.9")).startswith(
        "processes run different versions (0.9: leader-2; 1.0: archiver-1,"
    )


def test_a_catalog_without_a_leader_is_found() -> None:
    assert found(changed(WELL, catalog=partition(0, None))).startswith("nobody leads the catalog")


def test_a_ledger_without_a_leader_is_found() -> None:
    assert found(changed(WELL, ledger=partition(99_999_999, None))).startswith("nobody leads the ledger")


def test_transactions_that_nobody_ends_are_found_and_those_under_way_are_not() -> None:
    waiting = changed(WELL.tables[0].partitions[0], undecided=2, undecided_s=240.0)
    found_waiting = found(with_table(partitions=[waiting]))
    assert found_waiting.startswith(
        "2 transactions in partition 1 of table Notes wait for their end, the first for 4 min"
    )
    assert diagnose(with_table(partitions=[changed(waiting, undecided_s=0.5)])) == []


def test_a_view_that_stays_behind_is_found_and_a_burst_is_not() -> None:
    late = standing("materializer-1", "views", lag=5000, lag_s=40.0)
    assert found(with_standing(late)) == "materializer-1 shows partition 1 of table Notes 5,000 records late (40.0 s)"
    assert diagnose(with_standing(standing("materializer-1", "views", lag=5000, lag_s=0.1))) == []
    assert diagnose(with_standing(standing("materializer-1", "views", lag=5, lag_s=40.0))) == []


def test_a_change_stream_that_stays_behind_is_found() -> None:
    late = standing("streams-1", "publishes", lag=5000)
    assert found(with_standing(late)).startswith("streams-1 publishes the changes of partition 1 of table Notes 5,000")


def test_an_archive_that_waits_for_too_long_is_found() -> None:
    late = standing("archiver-1", "archives", lag=50, lag_s=600.0)
    assert (
        found(with_standing(late)) == "archiver-1 has not archived partition 1 of table Notes for 10 min (50 records)"
    )


def test_an_index_that_is_behind_or_that_nobody_holds_is_found() -> None:
    (index,) = WELL.tables[0].indexes
    assert found(with_table(indexes=[changed(index, behind=4000)])).startswith("index ByTag of table Notes is 4,000")
    assert found(with_table(indexes=[changed(index, partitions=[partition(2, None)])])).startswith("nobody has a view")


def creating(age_s: float, source: str | None) -> TableStatus:
    created_us = NOW_US - int(age_s * 1e6)
    return changed(WELL.tables[0], status="CREATING", created_us=created_us, restoring_from=source, partitions=[])


def test_a_table_that_is_made_or_restored_for_too_long_is_found() -> None:
    assert diagnose(changed(WELL, tables=[creating(5, "Old")])) == []
    restoring = found(changed(WELL, tables=[creating(1200, "Old")]))
    assert restoring == "table Notes has been restoring from Old for 20 min"
    assert found(changed(WELL, tables=[creating(1200, None)])) == "table Notes has been CREATING for 20 min"
