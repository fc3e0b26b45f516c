"""LeadersInPlace: once all is calm, each partition is led by the process that should lead it."""

from collections.abc import Iterator

from stator.model.positions import LogId
from stator.rules.placement import preference
from tests.simulation.cluster import Cluster


def check(cluster: Cluster) -> Iterator[str]:
    """Which logs are led by another process than the first choice among all leaders."""
    machines = cluster.of_role("leader")
    names = [machine.name for machine in machines]
    for machine in machines:
        node = machine.node
        if node is None or node.leaders is None:
            continue
        for log_id in node.leaders.leads():
            should = preference(LogId(log_id), names)[0]
            if should != machine.name:
                yield f"log {log_id} is led by {machine.name} and not by {should}"
