"""What became of transactions: the ledger lets the first decision stand, and lets no token be used twice (protocol R14). Pure.

Coordinators propose to commit, whoever finds an orphan proposes to abort, and all of them act on what stands. Not to break: only
the one who holds every partition's vote may propose a commit, and no proposal ever changes a decision.

Decisions are forgotten (docs/tla/Forgetting.tla). A *floor* is how far a partition is closed, by its own timestamps: all its
Prepares up to there have ended. A decision names the Prepares of all who may have been told it; once all of them lie below the
floors nobody needs it any more, and a proposal to commit such a Prepare that comes late is recognised by the floor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stator.model.errors import IdempotentParameterMismatchError, OutcomeUnknownError
from stator.rules.request_tokens import WINDOW_US
from stator.rules.transaction_messages import Decide, Decided


@dataclass(frozen=True, slots=True)
class Decision:
    """A transaction's end. `commit_us` None: it was aborted. `prepared`: by log, the Prepares that a commit counted; of an abort,
    the last one of each log that somebody was told to abort.
    """

    txid: bytes
    commit_us: int | None
    prepared: dict[int, int]


@dataclass(frozen=True, slots=True)
class TokenUse:
    """The transaction that used a token up, at `used_us` of the ledger's time."""

    txid: bytes
    request_hash: bytes
    used_us: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """An answer, and what it adds to the ledger."""

    answer: Decided | IdempotentParameterMismatchError | OutcomeUnknownError
    decision: Decision | None = None
    use: TokenUse | None = None


def rule(
    asked: Decide, standing: Decision | None, used: TokenUse | None, now_us: int, floors: Mapping[int, int]
) -> Ruling:
    """Rule on a proposal, given the decision about its transaction and the last use of its token, if there are any, and the floors
    of the logs that it names.
    """
    if (
        standing is None
        and asked.commit_us is not None
        and any(prepared_us <= floors.get(log_id, 0) for log_id, prepared_us in asked.prepared.items())
    ):
        return Ruling(OutcomeUnknownError("The transaction was decided, and the decision has been forgotten"))
    spent = used is not None and used.txid != asked.txid and not expired(used, now_us)
    decision = standing or Decision(asked.txid, None if spent else asked.commit_us, asked.prepared)
    aborted = decision.commit_us is None
    answer: Decided | IdempotentParameterMismatchError
    if used is not None and spent and aborted and used.request_hash != asked.request_hash:
        answer = IdempotentParameterMismatchError()
    else:
        answer = Decided(decision.commit_us, decision.prepared, repeated=spent and aborted)
    if standing is not None:
        told = standing.prepared if standing.commit_us is not None else _latest(standing.prepared, asked.prepared)
        return Ruling(answer, None if told == standing.prepared else replace(standing, prepared=told))
    use = TokenUse(asked.txid, asked.request_hash, now_us) if asked.token and not aborted else None
    return Ruling(answer, decision, use)


def _latest(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {log_id: max(one.get(log_id, 0), other.get(log_id, 0)) for log_id in {**one, **other}}


def forgettable(decision: Decision, floors: Mapping[int, int]) -> bool:
    """Whether all who may have been told the decision have done what it says."""
    return all(prepared_us <= floors.get(log_id, 0) for log_id, prepared_us in decision.prepared.items())


def expired(use: TokenUse, now_us: int) -> bool:
    """Whether a token may be used again, for anything."""
    return now_us - use.used_us >= WINDOW_US
