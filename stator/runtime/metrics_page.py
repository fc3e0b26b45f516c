"""A process's numbers in the text format that Prometheus reads."""

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import InfoMetricFamily

from stator.runtime.version import version
from stator.runtime.vitals import Vitals

METRICS_TYPE = CONTENT_TYPE_LATEST


def metrics_page(vitals: Vitals) -> bytes:
    """Everything as it is now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(vitals))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Numbers:
    """See `prometheus_client.registry.Collector`."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> list[InfoMetricFamily]:
        who = {"version": version(), "node": self._vitals.node, "role": self._vitals.role}
        return [InfoMetricFamily("stator", "Which process this is.", who)]
