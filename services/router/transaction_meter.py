"""Counts how transactions that write end. One that a client sends again counts again; what recovery ends, leaders count."""

import asyncio
from typing import Literal

from stator.model.errors import (
    IdempotentParameterMismatchError,
    OutcomeUnknownError,
    TransactionCanceledError,
    TransactionInProgressError,
)
from stator.rules.transaction_messages import Transacted
from stator.runtime.meters import Meters
from stator.runtime.metric_names import TRANSACTIONS_CANCELLED_FOR, TRANSACTIONS_ENDED, TRANSACTIONS_STARTED

Scope = Literal["partition", "across"]
"""Whether all items lie in one partition."""
_OUTCOMES: dict[type[BaseException], str] = {
    TransactionCanceledError: "cancelled",
    TransactionInProgressError: "in progress",
    IdempotentParameterMismatchError: "mismatch",
    OutcomeUnknownError: "unknown",
}


class TransactionMeter:
    """Of one router."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def watch(self, scope: Scope, transacting: "asyncio.Future[Transacted]") -> None:
        """Count one that has begun, and its end."""
        self._meters.counter(TRANSACTIONS_STARTED, scope).add()
        transacting.add_done_callback(lambda ended: self._ended(scope, ended))

    def _ended(self, scope: Scope, ended: "asyncio.Future[Transacted]") -> None:
        if ended.cancelled():  # nobody waits for it any more, and the process is about to end
            return
        error = ended.exception()
        if error is None:
            outcome = "repeated" if ended.result().repeated else "committed"
        else:
            outcome = _OUTCOMES.get(type(error), "failed")
        self._meters.counter(TRANSACTIONS_ENDED, scope, outcome).add()
        if isinstance(error, TransactionCanceledError):
            for code in {reason.code for reason in error.reasons} - {"None"}:
                self._meters.counter(TRANSACTIONS_CANCELLED_FOR, code).add()
