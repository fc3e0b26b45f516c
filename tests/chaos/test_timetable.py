"""The timetable keeps what it promises, whatever the seed."""

from itertools import pairwise

import pytest

from tests.chaos.timetable import BROKERS, LEADERS, LEADING, OTHERS, RECOVERY_S, SMALL_DISK, Fault, Kind, timetable
from tests.native_cluster import LEADERS as RUNNING_LEADERS
from tools.cluster import SERVICES

HALF_AN_HOUR_S = 1800.0
SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_half_an_hour_has_a_hundred_faults_and_three_in_ten_freeze_whoever_leads(seed: int) -> None:
    faults = timetable(seed, HALF_AN_HOUR_S)
    frozen = [fault for fault in faults if (fault.kind, fault.target) == (Kind.FREEZE, LEADING)]
    assert len(faults) >= 100
    assert len(frozen) >= 0.3 * len(faults)
    assert {fault.kind for fault in faults} == set(Kind)


@pytest.mark.parametrize("seed", SEEDS)
def test_three_minutes_have_nine_faults_or_more(seed: int) -> None:
    assert len(timetable(seed, 180.0)) >= 9


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_brokers_are_away_at_once_and_leaders_are_struck_one_after_the_other(seed: int) -> None:
    def struck(*names: str) -> list[Fault]:
        return [fault for fault in timetable(seed, HALF_AN_HOUR_S) if fault.target in names]

    assert all(one.ends_s + RECOVERY_S <= other.at_s for one, other in pairwise(struck(*BROKERS)))
    assert all(one.ends_s <= other.at_s for one, other in pairwise(struck(LEADING, *LEADERS)))
    assert all(one.ends_s <= other.at_s for one, other in pairwise(struck(*OTHERS)))


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    assert timetable(1, HALF_AN_HOUR_S) == timetable(1, HALF_AN_HOUR_S) != timetable(2, HALF_AN_HOUR_S)


def test_every_process_of_the_cluster_may_be_struck() -> None:
    running = {f"{service}-{number}" for service, count in SERVICES.items() for number in range(1, count + 1)}
    assert running == {*LEADERS, *OTHERS}
    assert SMALL_DISK in LEADERS == RUNNING_LEADERS
