"""Where a process stands with its logs, as gauges: positions, epochs, lags. Worked out when they are asked for."""

from collections.abc import Callable, Iterable, Iterator

from stator.model.positions import CATALOG_LOG, LEDGER_LOG, LogId, Offset, TimestampUs
from stator.model.tables import Table
from stator.ports.clock import Clock
from stator.ports.log import Log
from stator.rules.reports import Place
from stator.rules.status import Spot, lag_seconds, spots_behind
from stator.runtime.catalog import Catalog
from stator.runtime.log_ends import ends_of, times_at
from stator.runtime.meters import Metric, Reading
from stator.runtime.metric_names import DAMAGED, EPOCH, LAG_OFFSETS, LAG_SECONDS, POSITION, REBUILDS, UNDECIDED
from stator.runtime.vitals import Vitals

PATIENCE_S = 2.0
"""For the ends of all logs together: a scrape gives up after ten seconds, and lags without ends are left out."""

CATALOG_NAME = "(catalog)"
LEDGER_NAME = "(ledger)"


class LogGauges:
    """Adds the gauges to a process's vitals."""

    def __init__(self, vitals: Vitals, catalog: Catalog, log: Log, clock: Clock) -> None:
        self._vitals = vitals
        self._catalog = catalog
        self._log = log
        self._clock = clock
        self._places: list[Place] = []
        self._ends: dict[LogId, Offset] = {}
        self._times: dict[Spot, TimestampUs] = {}
        self._names: dict[int, tuple[str, str]] = {}
        vitals.refreshers.append(self._refresh)
        catalog.watchers.append(self._changed)
        gauges: list[tuple[Metric, Callable[[], Iterable[Reading]]]] = [
            (POSITION, lambda: self._each(lambda place: place.next_offset)),
            (LAG_OFFSETS, lambda: self._behind(lambda place, end: end - place.next_offset)),
            (LAG_SECONDS, lambda: self._behind(self._lag_seconds)),
            (EPOCH, self._epochs),
            (UNDECIDED, self._undecided),
            (DAMAGED, lambda: self._of_log(lambda place: float(bool(place.problem)))),
            (REBUILDS, lambda: self._of_log(lambda place: place.rebuilds)),
        ]
        for metric, read in gauges:
            vitals.meters.gauge(metric, read)

    def _changed(self, before: Table | None, after: Table | None) -> None:
        if (
            before is not None and after is None
        ):  # nothing of a deleted table is shown, whoever of this process counted it
            self._vitals.meters.forget("table", before.name)

    async def _refresh(self) -> None:
        self._places = self._vitals.standing()
        self._names = dict(self._named())
        logs = [LogId(place.log_id) for place in self._places if place.log_id in self._names]
        self._ends = await ends_of(self._log, logs, PATIENCE_S)
        self._times = await times_at(self._log, spots_behind(self._places, self._ends), PATIENCE_S)

    def _named(self) -> Iterator[tuple[int, tuple[str, str]]]:
        yield CATALOG_LOG, (CATALOG_NAME, "")
        yield LEDGER_LOG, (LEDGER_NAME, "")
        for name, held in self._catalog.tables.items():
            for partition in held.table.partitions:
                yield partition.log_id, (name, "")
            for index in held.table.indexes:
                for partition in index.partitions:
                    yield partition.log_id, (name, index.name)

    def _labels(self, place: Place) -> tuple[str, str, str, str] | None:
        named = self._names.get(place.log_id)  # None: a table that was deleted while this process still holds its view
        return None if named is None else (place.duty, *named, str(place.log_id))

    def _each(self, value: Callable[[Place], float]) -> Iterator[Reading]:
        for place in self._places:
            labels = self._labels(place)
            if labels is not None:
                yield Reading(labels, value(place))

    def _behind(self, value: Callable[[Place, int], float]) -> Iterator[Reading]:
        for place in self._places:
            labels, end = self._labels(place), self._ends.get(LogId(place.log_id))
            if labels is not None and end is not None:
                yield Reading(labels, max(0.0, value(place, end)))

    def _lag_seconds(self, place: Place, end: int) -> float:
        return lag_seconds(place, end, self._times, self._clock.now_us())

    def _epochs(self) -> Iterator[Reading]:
        for place in self._places:
            labels = self._labels(place)
            if labels is not None and place.duty == "leads":
                yield Reading(labels[1:], place.epoch)

    def _undecided(self) -> Iterator[Reading]:
        for place in self._places:
            labels = self._labels(place)
            if labels is not None and place.duty == "leads":
                yield Reading((labels[1], labels[3]), place.undecided)

    def _of_log(self, value: Callable[[Place], float]) -> Iterator[Reading]:
        for place in self._places:
            labels = self._labels(place)
            if labels is not None:
                yield Reading((labels[0], labels[1], labels[3]), value(place))
