"""A leader that comes back is handed its partitions again, under load, and clients meet no error."""

import pytest

from stator.rules.placement import preference
from tests.client_load import ClientLoad, create_table, until
from tests.figures import Figures
from tests.native_cluster import LEADERS, BreakableCluster

pytestmark = pytest.mark.cluster

PATIENCE_S = 60.0
TABLE = "moved"


def test_leadership_comes_back_and_no_request_fails(cluster: BreakableCluster, figures: Figures) -> None:
    others = set(cluster.leaders())
    create_table(cluster.endpoint, TABLE)
    places = {log_id: preference(log_id, LEADERS)[0] for log_id in set(cluster.leaders()) - others}
    away = max(LEADERS, key=list(places.values()).count)
    cluster.take_down(away)
    until(lambda: away not in led(cluster, places).values(), patience_s=PATIENCE_S, complaint="nobody took over")
    cluster.bring_back(away)
    load = ClientLoad(cluster.endpoint, TABLE)
    with load.running():
        until(lambda: led(cluster, places) == places, patience_s=PATIENCE_S, complaint="leadership did not come back")
        moved = sum(1 for _ in cluster.events(away, "hand_over_asked"))
    took_s = sorted(one.ended - one.began for one in (*load.puts, *load.additions))
    figures("requests while leadership comes back", f"{load.outcomes()}; longest {took_s[-1]:.3f} s; {moved} moves")
    assert load.outcomes() == f"200 {len(took_s)}"
    load.assert_kept()


def led(cluster: BreakableCluster, places: dict[int, str]) -> dict[int, str]:
    """Who leads these logs."""
    return {log_id: name for log_id, name in cluster.leaders().items() if log_id in places}
