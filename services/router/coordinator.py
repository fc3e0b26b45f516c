"""Transactions over several partitions, from the side of who wants one: prepare all, have the ledger decide, tell the client (R14).

The client is answered once the decision is in the ledger; the partitions hear of it meanwhile, and a strong read of what it changed
waits until they have. A coordinator that stops anywhere leaves nothing that the partitions cannot end without it. Not to break: a
commit is only ever proposed here, once, by who holds every partition's vote.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from stator.model.errors import (
    CancellationReason,
    DomainError,
    OutcomeUnknownError,
    RetryableError,
    ServiceUnavailableError,
    TransactionCanceledError,
    TransactionInProgressError,
)
from stator.model.positions import LEDGER_LOG, LogId
from stator.ports.identity import IdSource
from stator.rules.commands import Outcome
from stator.rules.transaction_messages import Action, Decide, Decided, Finish, Finished, Prepare, Prepared, Transacted
from stator.rules.transactions import cancelled, grouped, in_order
from stator.runtime.partition_client import PartitionClient

Vote = Prepared | DomainError

FINISH_S = 1.0
"""How long a client who wants to know where its changes lie waits for that: some round trips, when nothing is wrong."""


class Coordinator:
    """Runs any number of transactions side by side."""

    def __init__(self, partitions: PartitionClient, ids: IdSource) -> None:
        self._partitions = partitions
        self._ids = ids

    async def transact(
        self,
        asked: Sequence[tuple[LogId, Action]],
        token: str = "",
        request_hash: bytes = b"",
        saw: Callable[[LogId, int], None] | None = None,
    ) -> Transacted:
        """Do all of these actions, each in the log that it is for, or none. `token` and `request_hash` as in `Transact`.

        `saw` is told how far each log has the transaction, for a client who wants to read that from other views: then the answer
        waits a while until the partitions have heard of the commit.

        Raises TransactionCanceledError with reasons in the order of the actions, TransactionInProgressError and
        IdempotentParameterMismatchError for the token's sake, ServiceUnavailableError when certainly nothing was done, and
        OutcomeUnknownError when the ledger's decision could not be heard.
        """
        txid = self._ids.bits64().to_bytes(8, "big") + self._ids.bits64().to_bytes(8, "big")
        places = grouped(log_id for log_id, _ in asked)
        votes = await self._votes(
            txid, {log_id: [asked[place][1] for place in places[log_id]] for log_id in places}, token
        )
        prepared: dict[int, int] = {
            log_id: vote.prepared_us for log_id, vote in sorted(votes.items()) if isinstance(vote, Prepared)
        }
        commit_us = max(prepared.values()) if len(prepared) == len(places) else None
        proposal = Decide(LEDGER_LOG, txid, commit_us, prepared, token, request_hash)
        decided = await self._decided(proposal, votes)
        told = self._finish(proposal, decided.commit_us, votes)
        if saw is not None and decided.commit_us is not None:
            await asyncio.wait(told.values(), timeout=FINISH_S)
            for log_id, finished in told.items():
                if finished.done() and not finished.cancelled() and finished.exception() is None:
                    saw(log_id, finished.result().reached)
        if decided.commit_us is not None or decided.repeated:
            outcomes = [(places[log_id], _outcomes(vote, len(places[log_id]))) for log_id, vote in votes.items()]
            return Transacted(in_order(outcomes), repeated=decided.repeated)
        raise _why_not(votes, places, len(asked))

    async def _votes(self, txid: bytes, shares: Mapping[LogId, list[Action]], token: str) -> dict[LogId, Vote]:
        asked = [
            self._partitions.ask_leader(log_id, "prepare", Prepare(log_id, txid, list(shares), actions, token))
            for log_id, actions in shares.items()
        ]
        votes: dict[LogId, Vote] = {}
        for log_id, vote in zip(shares, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if not isinstance(vote, Prepared | DomainError):
                raise vote
            votes[log_id] = vote
        return votes

    async def _decided(self, proposal: Decide, votes: Mapping[LogId, Vote]) -> Decided:
        """What stands."""
        try:
            decided: Decided = await self._partitions.ask_leader(LEDGER_LOG, "decide", proposal)
        except RetryableError as error:
            if proposal.commit_us is not None:
                raise OutcomeUnknownError("The transaction's outcome could not be learnt in time") from error
            if proposal.token:  # whether it was used before is not known
                raise ServiceUnavailableError("The transaction was not done; try again") from error
            return Decided(None)  # nobody else could propose a commit
        except DomainError:
            self._finish(proposal, None, votes)
            raise
        return decided

    def _finish(
        self, proposal: Decide, commit_us: int | None, votes: Mapping[LogId, Vote]
    ) -> "dict[LogId, asyncio.Future[Finished]]":
        """Tell the partitions, but not those that refused. One that does not hear of it asks the ledger itself."""
        told: dict[LogId, asyncio.Future[Finished]] = {}
        for log_id, vote in votes.items():
            if not isinstance(vote, TransactionCanceledError | TransactionInProgressError):
                message = Finish(log_id, proposal.txid, commit_us, proposal.prepared.get(log_id, 0))
                told[log_id] = self._partitions.ask_leader(log_id, "finish", message)
                told[log_id].add_done_callback(_seen)
        return told


def _seen(told: "asyncio.Future[Finished]") -> None:
    if not told.cancelled():
        told.exception()


def _outcomes(vote: Vote, actions: int) -> list[Outcome]:
    """What came of a partition's actions; of a repeated transaction, whose first attempt was answered, as little as that takes."""
    return vote.outcomes if isinstance(vote, Prepared) else [Outcome()] * actions


def _why_not(votes: Mapping[LogId, Vote], places: Mapping[LogId, Sequence[int]], actions: int) -> DomainError:
    """Why a transaction was aborted."""
    reasons: dict[int, CancellationReason] = {}
    for log_id, vote in votes.items():
        if isinstance(vote, TransactionInProgressError):
            return vote
        if isinstance(vote, TransactionCanceledError):
            reasons.update(zip(places[log_id], vote.reasons, strict=True))
    if reasons:
        return cancelled(actions, reasons)
    other = next(
        (vote for vote in votes.values() if isinstance(vote, DomainError) and not isinstance(vote, RetryableError)),
        None,
    )
    return other or ServiceUnavailableError("The transaction was not done; try again")
