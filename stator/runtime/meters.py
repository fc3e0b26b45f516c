"""What a process counts, in plain numbers: an addition where something happens, and no more.

Everything happens on the event loop's thread, so a counter needs no lock: it is an object with a number in it, got once
(`Meters.counter`) and kept by whoever counts (docs/decisions/0011 has what that saves). `metrics_page.py` turns all of it into
Prometheus' format when it is asked. Labels come from what exists (tables of the catalog, operations we serve), never from what
a client sent: the number of series must stay bounded.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

LATENCY_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""From a read out of memory to the deadline of a request (`partition_client.DEADLINE_S`)."""
COUNT_BOUNDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


class Metric(NamedTuple):
    """One name, its kind and its labels. `bounds` are a histogram's upper limits."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float = 1.0) -> None:
        """Count `amount` more."""
        self.value += amount


class Distribution:
    """How many values fell below each bound (the last count is of those above all), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value; one that equals a bound lies below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Reading(NamedTuple):
    """One value of a gauge, with its metric's labels in order."""

    labels: tuple[str, ...]
    value: float


class Meters:
    """All numbers of one process."""

    def __init__(self) -> None:
        self._counters: dict[Metric, dict[tuple[str, ...], Counter]] = {}
        self._distributions: dict[Metric, dict[tuple[str, ...], Distribution]] = {}
        self._gauges: list[tuple[Metric, Callable[[], Iterable[Reading]]]] = []

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The counter with these labels; keep it."""
        assert len(labels) == len(metric.labels), metric.name
        return self._counters.setdefault(metric, {}).setdefault(labels, Counter())

    def distribution(self, metric: Metric, *labels: str) -> Distribution:
        """The histogram with these labels; keep it."""
        assert len(labels) == len(metric.labels), metric.name
        return self._distributions.setdefault(metric, {}).setdefault(labels, Distribution(metric.bounds))

    def gauge(self, metric: Metric, read: Callable[[], Iterable[Reading]]) -> None:
        """From now on `read` is asked for the values of `metric` whenever somebody wants to see them."""
        self._gauges.append((metric, read))

    def forget(self, label: str, value: str) -> None:
        """Drop every counter and histogram whose `label` has this value: what it named is gone."""
        for of_kind in (self._counters, self._distributions):
            for metric, children in of_kind.items():
                if label in metric.labels:
                    place = metric.labels.index(label)
                    for labels in [labels for labels in children if labels[place] == value]:
                        children.pop(labels)

    def counters(self) -> Iterator[tuple[Metric, dict[tuple[str, ...], Counter]]]:
        """All counters by metric."""
        yield from self._counters.items()

    def distributions(self) -> Iterator[tuple[Metric, dict[tuple[str, ...], Distribution]]]:
        """All histograms by metric."""
        yield from self._distributions.items()

    def gauges(self) -> Iterator[tuple[Metric, Iterable[Reading]]]:
        """All gauges, asked now."""
        for metric, read in self._gauges:
            yield metric, read()
