"""Clusters that are broken for minutes are nobody else's, and their leaders have clocks of their own."""

from collections.abc import Iterator

import pytest

from tests.native_cluster import BreakableCluster, running_cluster
from tests.servers import or_fail


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BreakableCluster]:
    """One for each file of this folder, in place of the session's; tests take `cluster`."""
    with or_fail(), running_cluster(tmp_path_factory.mktemp("chaos"), own_clocks=True) as running:
        yield running
