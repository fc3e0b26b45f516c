"""Control and the catalog's leader are gone: requests to tables that are there do not notice, nor does a router that starts."""

import time

import pytest

from stator.model.positions import CATALOG_LOG
from tests.client_load import Answer, ClientLoad, create_table, until
from tests.native_cluster import BreakableCluster

pytestmark = pytest.mark.cluster

AWAY_S = 20.0
AWAY_MAX_S = 60.0
RESUMED_WITHIN_S = 15.0
TABLE = "without-control"


def test_data_requests_go_on_without_an_error_while_control_and_the_catalogs_leader_are_down(
    cluster: BreakableCluster, times: int
) -> None:
    create_table(cluster.endpoint, TABLE)
    cluster.take_down("control-1", "control-2", cluster.leaders()[CATALOG_LOG])
    load = ClientLoad(cluster.endpoint, TABLE)
    with load.running():
        # The partitions that the killed process led are away for a moment; that is another test's matter.
        began_at = time.monotonic()
        until(lambda: load.acknowledged_since(began_at) > 100, patience_s=RESUMED_WITHIN_S, complaint="no writes")
        time.sleep(RESUMED_WITHIN_S / 3)
        calm_at = time.monotonic()
        time.sleep(min(AWAY_S * times, AWAY_MAX_S))
        answered = load.answered_since(calm_at)
    assert {one.answer for one in answered} == {Answer.ACKNOWLEDGED}, load.outcomes()
    load.assert_kept()


def test_a_router_that_starts_without_control_serves_at_once(cluster: BreakableCluster) -> None:
    """What it knows of tables it reads from the catalog's log, and asks nobody: a flushed cache is no load on control."""
    create_table(cluster.endpoint, f"{TABLE}-router")
    cluster.take_down("control-1", "control-2")
    cluster.take_down("router-1")
    cluster.bring_back("router-1")
    load = ClientLoad(cluster.endpoint, f"{TABLE}-router")
    began_at = time.monotonic()
    with load.running():
        until(lambda: load.acknowledged_since(began_at) > 100, patience_s=RESUMED_WITHIN_S, complaint="no writes")
    assert {one.answer for one in load.answered_since(began_at)} == {Answer.ACKNOWLEDGED}, load.outcomes()
