"""Brokers that die under load: one is not missed, two stop the writes and tell no lies, and their return is enough."""

import time
from statistics import median

import pytest

from tests.client_load import ClientLoad, create_table, until
from tests.figures import Figures
from tests.native_cluster import BROKERS, BreakableCluster

pytestmark = pytest.mark.cluster

LOAD_S = 2.0
PAUSE_MAX_S = 15.0
RESUMED_WITHIN_S = 60.0
"""From the moment that the brokers serve again: their controllers elect, their replicas catch up, our clients find them."""
ANSWERED_WITHIN_S = 7.0
"""The router's deadline of 5 s, and a machine that has other things to do."""


def test_one_broker_is_not_missed_for_long(cluster: BreakableCluster, figures: Figures) -> None:
    create_table(cluster.endpoint, "one-broker-less")
    load = ClientLoad(cluster.endpoint, "one-broker-less")
    with load.running():
        time.sleep(LOAD_S)
        cluster.take_down(BROKERS[0])
        gone_at = time.monotonic()
        until(lambda: load.acknowledged_since(gone_at) > 100, patience_s=PAUSE_MAX_S, complaint="no writes")
        time.sleep(LOAD_S)
        cluster.bring_back(BROKERS[0])
        time.sleep(LOAD_S)
    figures("longest_gap_s", load.longest_gap_s())
    figures("answers", load.outcomes())
    assert load.longest_gap_s() < PAUSE_MAX_S
    load.assert_kept()


def test_without_two_brokers_nothing_is_acknowledged_and_their_return_is_enough(
    cluster: BreakableCluster, figures: Figures
) -> None:
    create_table(cluster.endpoint, "two-brokers-less")
    load = ClientLoad(cluster.endpoint, "two-brokers-less")
    with load.running():
        time.sleep(LOAD_S)
        cluster.take_down(*BROKERS[:2])
        gone_at = time.monotonic()
        time.sleep(ANSWERED_WITHIN_S * 2)
        assert load.acknowledged_since(gone_at) == 0
        answered = load.answered_since(gone_at)
        assert answered
        assert {one.code[:2] for one in answered} == {"50"}
        assert median(one.ended - one.began for one in answered) < ANSWERED_WITHIN_S
        cluster.bring_back(*BROKERS[:2])
        back_at = time.monotonic()
        until(lambda: load.acknowledged_since(back_at) > 50, patience_s=RESUMED_WITHIN_S, complaint="no writes")
        figures("resumed_s", time.monotonic() - back_at)
    figures("answers", load.outcomes())
    load.assert_kept()
