"""What became of transactions: the ledger lets the first decision stand, and lets no token be used twice (protocol R14). Pure.

Coordinators propose to commit, whoever finds an orphan proposes to abort, and all of them act on what stands. Not to break: only
the one who holds every partition's vote may propose a commit, and no proposal ever changes a decision.
"""

from dataclasses import dataclass

from stator.model.errors import IdempotentParameterMismatchError
from stator.rules.request_tokens import WINDOW_US
from stator.rules.transaction_messages import Decide, Decided


@dataclass(frozen=True, slots=True)
class Decision:
    """A transaction's end. `commit_us` None: it was aborted. `prepared`: by log, the Prepares that a commit counted."""

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

    answer: Decided | IdempotentParameterMismatchError
    decision: Decision | None = None
    use: TokenUse | None = None


def rule(asked: Decide, standing: Decision | None, used: TokenUse | None, now_us: int) -> Ruling:
    """Rule on a proposal, given the decision about its transaction and the last use of its token, if there are any."""
    spent = used is not None and used.txid != asked.txid and now_us - used.used_us < WINDOW_US
    decision = standing or Decision(asked.txid, None if spent else asked.commit_us, asked.prepared)
    aborted = decision.commit_us is None
    answer: Decided | IdempotentParameterMismatchError
    if used is not None and spent and aborted and used.request_hash != asked.request_hash:
        answer = IdempotentParameterMismatchError()
    else:
        answer = Decided(decision.commit_us, decision.prepared, repeated=spent and aborted)
    if standing is not None:
        return Ruling(answer)
    use = TokenUse(asked.txid, asked.request_hash, now_us) if asked.token and not aborted else None
    return Ruling(answer, decision, use)
