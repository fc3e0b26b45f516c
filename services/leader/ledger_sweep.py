"""Keeps the ledger small: finds decisions and used tokens that have stood for long, asks the partitions that they name how far
those are closed, and has forgotten what nobody needs any more (docs/decisions/0026).

The view only says where to look. What is forgotten is decided on the newest state, like any write (`ledger.forgotten`). Not to
break: a floor is what a partition's log says of itself, and no clock's opinion.
"""

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import NamedTuple

import structlog

from stator.codec.ledger_entries import DECISIONS, TOKENS, decode_decision
from stator.model.errors import DomainError
from stator.model.key_order import after_prefix
from stator.model.positions import LEDGER_LOG, LogId
from stator.ports.clock import Clock
from stator.ports.view import ViewReader
from stator.rules.commands import Close, Closed
from stator.rules.request_tokens import WINDOW_US
from stator.rules.transaction_messages import Forget, Forgotten
from stator.runtime.catalog import Catalog

from .leadership import Leadership, State
from .server import LeaderService

_log = structlog.get_logger()

SWEEP_S = 60.0
STRETCH = 500
"""Entries looked at together: a few milliseconds of the loop."""
PAUSE_S = 0.05
KEEP_S = WINDOW_US / 1e6
"""How long entries are left alone, by the ledger's time. Tokens are needed so long; decisions are not, and might go at once."""

Ask = Callable[[LogId, str, Close], Awaitable[Closed]]


class _Stretch(NamedTuple):
    keys: list[bytes]
    log_ids: set[LogId]
    after: bytes | None
    """Where the next one begins; None: there is none."""


class LedgerSweep:
    """`run` it as a task. `ask` sends a method's message to the leader of a log."""

    def __init__(
        self,
        leaders: LeaderService,
        ask: Ask,
        catalog: Catalog,
        clock: Clock,
        sweep_s: float = SWEEP_S,
        keep_s: float = KEEP_S,
    ) -> None:
        self._leaders = leaders
        self._ask = ask
        self._catalog = catalog
        self._clock = clock
        self._sweep_s = sweep_s
        self._keep_us = round(keep_s * 1e6)

    async def run(self) -> None:
        """Look through the ledger again and again, while this process leads it."""
        while True:
            await self._clock.sleep(self._sweep_s)
            for prefix in (DECISIONS, TOKENS):
                await self._sweep(prefix)

    async def _sweep(self, prefix: bytes) -> None:
        low: bytes | None = prefix
        floors: dict[int, int] = {}
        while low is not None and (ledger := self._led()) is not None:
            stretch = self._old(ledger, low, prefix)
            try:
                for log_id in sorted(stretch.log_ids - floors.keys()):
                    floors[log_id] = await self._floor(log_id)
                if stretch.keys:
                    forgotten: Forgotten = await ledger.submit(Forget(LEDGER_LOG, dict(floors), stretch.keys))
                    _log.debug("ledger_forgot", entries=forgotten.entries)
            except DomainError as error:
                _log.warning("ledger_sweep_put_off", reason=error.message)
                return
            low = stretch.after
            await self._clock.sleep(PAUSE_S)

    def _led(self) -> Leadership | None:
        """The ledger if this process leads it; it is not opened, or claimed, to be swept."""
        ledger = self._leaders.partitions.get(LEDGER_LOG)
        return ledger if ledger is not None and ledger.state is State.LEADING else None

    async def _floor(self, log_id: LogId) -> int:
        """Up to which of its timestamps a log is closed; 0 if that cannot be had, so that what names it stays."""
        if not any(log_id in held.table.logs for held in self._catalog.tables.values()):
            return 0
        try:
            return (await self._ask(log_id, "close", Close(log_id))).timestamp_us
        except DomainError:
            return 0

    def _old(self, ledger: Leadership, low: bytes, prefix: bytes) -> _Stretch:
        view: ViewReader = ledger.replica.view
        until_us = ledger.replica.position.timestamp_us - self._keep_us
        found = list(islice(view.scan(low, after_prefix(prefix)), STRETCH))
        old = [(key, one.image) for key, one in found if one.timestamp_us <= until_us]
        log_ids = {
            LogId(log_id)
            for key, image in old
            if key.startswith(DECISIONS)
            for log_id in decode_decision(image).prepared
        }
        after = found[-1][0] + b"\x00" if len(found) == STRETCH else None
        return _Stretch([key for key, _ in old], log_ids, after)
