"""OneLeaderPerEpoch: no two processes ever believe that they lead the same log in the same epoch."""

from collections.abc import Iterator

from tests.simulation.cluster import Cluster


class Leaders:
    """Who led what, as far as was looked."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], int] = {}

    def check(self, cluster: Cluster) -> Iterator[str]:
        """Look now; what is wrong."""
        for machine in cluster.of_role("leader"):
            node = machine.node
            if node is None or node.leaders is None:
                continue
            for log_id, epoch in node.leaders.leads().items():
                if self._seen.setdefault((log_id, epoch), node.incarnation) != node.incarnation:
                    yield f"log {log_id} epoch {epoch} is led by {node.name} and had another leader"
