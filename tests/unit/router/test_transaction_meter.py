"""How transactions are counted: when they begin, how they end, and what was against them."""

import asyncio
from collections.abc import Mapping

import pytest

from services.router.transaction_meter import TransactionMeter
from stator.model.errors import (
    CancellationReason,
    DomainError,
    IdempotentParameterMismatchError,
    OutcomeUnknownError,
    ServiceUnavailableError,
    TransactionCanceledError,
    TransactionInProgressError,
)
from stator.rules.transaction_messages import Transacted
from stator.runtime.meters import Meters
from stator.runtime.metric_names import TRANSACTIONS_CANCELLED_FOR, TRANSACTIONS_ENDED, TRANSACTIONS_STARTED

Counts = Mapping[tuple[str, ...], float]


def counted(*ends: Transacted | DomainError) -> tuple[Counts, Counts, Counts]:
    """What is counted of transactions that end so: begun, ended, cancelled for."""
    meters = Meters()

    async def scenario() -> None:
        meter = TransactionMeter(meters)
        for end in ends:
            transacting: asyncio.Future[Transacted] = asyncio.get_running_loop().create_future()
            meter.watch("across", transacting)
            if isinstance(end, Transacted):
                transacting.set_result(end)
            else:
                transacting.set_exception(end)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    found = {
        metric: {labels: counter.value for labels, counter in children.items()}
        for metric, children in meters.counters()
    }
    return found[TRANSACTIONS_STARTED], found[TRANSACTIONS_ENDED], found.get(TRANSACTIONS_CANCELLED_FOR, {})


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (Transacted([]), "committed"),
        (Transacted([], repeated=True), "repeated"),
        (TransactionInProgressError(), "in progress"),
        (IdempotentParameterMismatchError(), "mismatch"),
        (OutcomeUnknownError("who knows"), "unknown"),
        (ServiceUnavailableError("not done"), "failed"),
    ],
)
def test_each_end_has_its_own_count(end: Transacted | DomainError, outcome: str) -> None:
    assert counted(end, end) == ({("across",): 2}, {("across", outcome): 2}, {})


def test_a_cancelled_transaction_counts_once_for_each_reason() -> None:
    codes = ("None", "TransactionConflict", "TransactionConflict", "ConditionalCheckFailed")
    cancelled = TransactionCanceledError([CancellationReason(code) for code in codes])
    _, ended, cancelled_for = counted(cancelled)
    assert ended == {("across", "cancelled"): 1}
    assert cancelled_for == {("TransactionConflict",): 1, ("ConditionalCheckFailed",): 1}
