"""A process's numbers in the text format that Prometheus reads. Imported when somebody asks for them."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from stator.runtime.meters import Distribution, Meters
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

    def collect(self) -> Iterator[Metric]:
        who = {"version": version(), "node": self._vitals.node, "role": self._vitals.role}
        yield InfoMetricFamily("stator", "Which process this is.", who)
        yield from _families(self._vitals.meters)


def _families(meters: Meters) -> Iterator[Metric]:
    for metric, counters in meters.counters():
        counted = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, counter in counters.items():
            counted.add_metric(labels, counter.value)
        yield counted
    for metric, distributions in meters.distributions():
        spread = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, distribution in distributions.items():
            spread.add_metric(labels, _buckets(distribution), distribution.total)
        yield spread
    for metric, readings in meters.gauges():
        gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for reading in readings:
            gauge.add_metric(reading.labels, reading.value)
        yield gauge


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    bounds = [*map(str, distribution.bounds), "+Inf"]
    return list(zip(bounds, map(float, accumulate(distribution.counts)), strict=True))
