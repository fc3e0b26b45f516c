"""Faults for three minutes, or for as many times three as `--times` says, under load: and clients were told nothing that one copy
of all data, doing one thing at a time, would not have told them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.load import Load
from tests.chaos.nemesis import Nemesis
from tests.chaos.small_disk import SmallDisk, small_disk
from tests.chaos.timetable import SMALL_DISK, Kind, timetable
from tests.figures import Figures
from tests.native_cluster import BreakableCluster

pytestmark = pytest.mark.cluster

RUN_S = 180.0
DONE_A_SECOND = 0.5
"""Of each kind of request, over the whole run, faults and all: below that nothing was tried."""


@contextmanager
def on_a_small_disk(cluster: BreakableCluster, name: str) -> Iterator[SmallDisk | None]:
    """A process of the cluster keeps its data on a disk that can be filled, for the time of a `with`."""
    cluster.take_down(name)
    with small_disk(cluster.native.directory / "data" / name) as disk:
        cluster.bring_back(name)
        try:
            yield disk
        finally:
            cluster.heal()
            cluster.take_down(name)
    cluster.bring_back(name)


@pytest.mark.timeout(3600)
def test_a_broken_cluster_tells_what_one_copy_that_does_one_thing_at_a_time_would_tell(
    cluster: BreakableCluster, tmp_path: Path, times: int, seed: int, figures: Figures
) -> None:
    load = Load(cluster.endpoint, cluster.native.ports.api, seed)
    faults = timetable(seed, RUN_S * times)
    with on_a_small_disk(cluster, SMALL_DISK) as disk:
        nemesis = Nemesis(cluster, disk, tmp_path / "faults.jsonl")
        with load.running():
            nemesis.play(faults)
            cluster.heal()
    load.keep(tmp_path)
    struck = Counter(nemesis.struck)
    for name, value in (load.told() | {kind.value: struck[kind] for kind in Kind}).items():
        figures(name, value)
    if disk is None:
        figures("no disk was filled", "that needs root and mount(8)")
    if not cluster.clocks:
        figures("no clock was stepped", "that needs libfaketime for this machine")
    assert load.wrong() == [], f"seed {seed}; faults and answers are in {tmp_path}"
    assert halted(cluster) == []
    assert load.fewest_done() > DONE_A_SECOND * RUN_S * times, load.told()
    assert struck[Kind.FREEZE] >= 0.3 * len(faults)


def halted(cluster: BreakableCluster) -> list[str]:
    """Processes in which a log or a view did not check."""
    return [name for name in cluster.services if any(True for _ in cluster.events(name, "replica_halted"))]
