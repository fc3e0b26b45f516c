"""Deletes items whose time to live is over, in the partitions that this process leads, as ordinary logged writes.

The view only says where to look. What is deleted is decided like any write, on the item's newest state (`Expire`), so an item
that got another expiry in the meantime stays. Nobody waits for a sweep, so it gives way: a batch, a pause, the next.
"""

import asyncio
from itertools import islice

import structlog

from stator.model.errors import DomainError, NotLeaderError
from stator.model.positions import LogId
from stator.model.tables import Table
from stator.ports.clock import Clock
from stator.ports.view import DerivedRow, ItemReader
from stator.rules.commands import Expire, Outcome
from stator.rules.expiry import oldest_due_s
from stator.rules.local_rows import expiry_rows
from stator.runtime.catalog import Catalog
from stator.runtime.meters import Meters
from stator.runtime.metric_names import TTL_DELETED

from .server import LeaderService

_log = structlog.get_logger()

BATCH_ITEMS = 100
"""Deletions that go into the log together: a few milliseconds of the loop."""

PAUSE_S = 0.05
"""Between two batches, so that one process deletes 2,000 items a second at most."""

BATCH_PATIENCE_S = 5.0
"""A partition that is being taken over must not keep the sweep from the others."""


class ExpirySweep:
    """`run` it as a task. `meters` take how many items went."""

    def __init__(
        self, leaders: LeaderService, catalog: Catalog, clock: Clock, sweep_s: float, meters: Meters | None = None
    ) -> None:
        self._leaders = leaders
        self._catalog = catalog
        self._clock = clock
        self._sweep_s = sweep_s
        self._meters = meters or Meters()

    async def run(self) -> None:
        """Look at every table with a time to live, every `sweep_s` seconds, for ever."""
        while True:
            await self._clock.sleep(self._sweep_s)
            for held in list(self._catalog.tables.values()):
                for part in held.table.partitions:
                    await self._sweep(part.log_id, held.table)

    async def _sweep(self, log_id: LogId, table: Table) -> None:
        now_s = self._clock.now_us() // 1_000_000
        low, high = expiry_rows(oldest_due_s(now_s), now_s)
        while self._expires(table) and (partition := self._leaders.led(log_id)) is not None:
            try:
                rows = _rows(partition.replica.items, low, high)
            except (NotLeaderError, OSError) as error:
                _log.warning("expiry_put_off", log_id=log_id, reason=str(error))
                return
            attribute = partition.replica.view.layout.expiry_attribute
            if not rows or not attribute:
                return
            answers = [partition.submit(Expire(row.item_key, attribute, now_s)) for row in rows]
            await asyncio.wait(answers, timeout=BATCH_PATIENCE_S)
            outcomes = [_outcome(answer) for answer in answers]
            deleted = self._meters.counter(TTL_DELETED, table.name)
            deleted.add(sum(outcome is not None and outcome.timestamp_us > 0 for outcome in outcomes))
            if None in outcomes:
                _log.warning("expiry_put_off", log_id=log_id, reason="not all deletions were answered")
                return
            low = rows[-1].key + b"\x00"
            await self._clock.sleep(PAUSE_S)

    def _expires(self, table: Table) -> bool:
        """Whether items of a table expire by now. To ask for a partition of one that is gone would open it again."""
        now = self._catalog.table(table.name)
        return now is not None and now.table_id == table.table_id and now.status == "ACTIVE" and bool(now.ttl_attribute)


def _rows(view: ItemReader, low: bytes, high: bytes | None) -> list[DerivedRow]:
    return list(islice(view.rows(low, high), BATCH_ITEMS))


def _outcome(answer: "asyncio.Future[Outcome]") -> Outcome | None:
    """What came of a deletion; None when that is not known. The next sweep sees what is left."""
    if not answer.done():
        answer.cancel()
        return None
    error = answer.exception()
    if error is None:
        return answer.result()
    if not isinstance(error, DomainError):
        raise error
    return None
