"""Leaders that die or freeze under load: writes go on with the other one, and no answer turns out to have been wrong."""

import time

import pytest

from tests.client_load import ClientLoad, create_table, until
from tests.figures import Figures
from tests.native_cluster import LEADERS, BreakableCluster

pytestmark = pytest.mark.cluster

RESUMED_WITHIN_S = 15.0
LOAD_S = 2.0
FROZEN_S = 5.0


def leader_of_most(cluster: BreakableCluster, table: str) -> str:
    return max(LEADERS, key=cluster.leaders_of(table).count)


def test_writes_go_on_after_a_leader_is_killed(cluster: BreakableCluster, figures: Figures) -> None:
    create_table(cluster.endpoint, "killed-leader")
    load = ClientLoad(cluster.endpoint, "killed-leader")
    with load.running():
        time.sleep(LOAD_S)
        cluster.take_down(leader_of_most(cluster, "killed-leader"))
        time.sleep(RESUMED_WITHIN_S)
    figures("longest_gap_s", load.longest_gap_s())
    figures("answers", load.outcomes())
    assert load.longest_gap_s() < RESUMED_WITHIN_S
    load.assert_kept()


def test_every_leader_can_be_killed_again_and_again(cluster: BreakableCluster, figures: Figures) -> None:
    create_table(cluster.endpoint, "killed-leaders")
    load = ClientLoad(cluster.endpoint, "killed-leaders")
    with load.running():
        for leader in (*LEADERS, *LEADERS):
            cluster.native.kill(leader)
            killed_at = time.monotonic()
            until(lambda: load.acknowledged_since(killed_at) > 20, patience_s=RESUMED_WITHIN_S, complaint="no writes")  # noqa: B023 - called at once
            time.sleep(LOAD_S)
    figures("longest_gap_s", load.longest_gap_s())
    figures("answers", load.outcomes())
    load.assert_kept()


def test_a_leader_that_was_frozen_acknowledges_nothing_stale(cluster: BreakableCluster, figures: Figures) -> None:
    create_table(cluster.endpoint, "frozen-leader")
    load = ClientLoad(cluster.endpoint, "frozen-leader")
    leader = leader_of_most(cluster, "frozen-leader")
    with load.running():
        time.sleep(LOAD_S)
        fenced_before = len(list(cluster.events(leader, "fenced")))
        cluster.pause(leader)
        time.sleep(FROZEN_S)
        cluster.resume(leader)
        resumed_at = time.monotonic()
        until(
            lambda: len(list(cluster.events(leader, "fenced"))) > fenced_before,
            patience_s=RESUMED_WITHIN_S,
            complaint=f"{leader} was not fenced",
        )
        until(lambda: load.acknowledged_since(resumed_at) > 50, patience_s=RESUMED_WITHIN_S, complaint="no writes")
    figures("longest_gap_s", load.longest_gap_s())
    figures("answers", load.outcomes())
    load.assert_kept()
