"""Puts the state of the whole deployment together: asks every process for its report and the log for its ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from stator.codec.change_topics import topic_name
from stator.model.positions import COMMON_LOGS
from stator.model.tables import Table
from stator.ports.log import Log
from stator.rules.reports import Report
from stator.rules.status import Status, spots_behind, status_of
from stator.runtime.catalog import Catalog
from stator.runtime.log_ends import ends_of, times_at
from stator.runtime.vitals import Vitals

PATIENCE_S = 2.0
"""How long processes and the log may take; who is silent is shown as silent."""

Others = Callable[[], Awaitable[Sequence[Report]]]
"""Asks all other processes for their reports; those that do not answer are left out."""


class StatusBoard:
    """What `/status` of a router, or of a standalone server, answers. `members` maps process to role."""

    def __init__(
        self, vitals: Vitals, members: dict[str, str], others: Others, catalog: Catalog, log: Log, *, topics: bool
    ) -> None:
        self._vitals = vitals
        self._members = members
        self._others = others
        self._catalog = catalog
        self._log = log
        self._topics = topics

    async def status(self) -> Status:
        """Ask around. Takes some three times `PATIENCE_S` at most."""
        tables = [held.table for held in self._catalog.tables.values()]
        others, own = await asyncio.gather(self._others(), self._vitals.report())
        # After the reports: nobody should seem to be ahead of its log.
        logs = [*COMMON_LOGS, *(log_id for table in tables for log_id in table.logs)]
        ends = await ends_of(self._log, logs, PATIENCE_S)
        reports = [own, *others]
        missing = spots_behind((place for report in reports for place in report.places), ends)
        times = await times_at(self._log, missing, PATIENCE_S)
        return status_of(own, self._members, reports, tables, ends, times, self._topic)

    def _topic(self, table: Table) -> str:
        return topic_name(table.name, table.stream.label) if self._topics and table.stream is not None else ""
