"""How long writes are away when the process that leads them goes: killed, or told to stop."""

import os
import signal
import time
from statistics import median

import pytest

from tests.chaos.probes import Probes
from tests.chaos.registers import TABLE
from tests.client_load import create_table, dynamodb
from tests.figures import Figures
from tests.native_cluster import LEADERS, BreakableCluster

pytestmark = pytest.mark.cluster

STRIKES = 2
"""Of each kind, and as many times as `--times` says. Of fewer than a hundred the slowest stands for the p99."""
ENOUGH = 20
"""Of two on a machine that does other things as well nobody can say how long it takes: `make test` wants writes back, and tells."""
CALM_S = 6.0
"""Between two strikes: the one that was struck is back, and has its views warm."""
PATIENCE_S = 30.0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("number", "p99_s"), [(signal.SIGKILL, 5.0), (signal.SIGTERM, 1.0)], ids=["killed", "told to stop"]
)
def test_writes_are_back_soon_after_their_leader_was_struck(
    number: signal.Signals, p99_s: float, cluster: BreakableCluster, times: int, figures: Figures
) -> None:
    create_table(cluster.endpoint, TABLE)
    probes = Probes(cluster.native.ports.api)
    with probes.running():
        away_s = sorted(struck_away_s(cluster, probes, number) for _ in range(STRIKES * times))
    found_s = away_s[int(0.99 * len(away_s))]
    figures(
        f"{number.name}, seconds without writes, p50 and p99 of {len(away_s)}", f"{median(away_s):.2f} {found_s:.2f}"
    )
    with dynamodb(cluster.endpoint, attempts=10) as client:
        client.delete_table(TableName=TABLE)
    assert found_s <= p99_s or len(away_s) < ENOUGH, away_s


def struck_away_s(cluster: BreakableCluster, probes: Probes, number: signal.Signals) -> float:
    """Seconds for which some write was away when the process that led most got a signal."""
    time.sleep(CALM_S)
    led = list(cluster.leaders().values())
    pid = cluster.native.pid(max(LEADERS, key=led.count))
    assert pid is not None
    return probes.away_s(lambda: os.kill(pid, number), PATIENCE_S)
