"""The ledger as its leader keeps it: each ruling reads what the log's newest state says, and adds to it in one record."""

from collections.abc import Callable
from typing import NamedTuple

from stator.codec.ledger_entries import (
    decision_key,
    decode_decision,
    decode_use,
    encode_decision,
    encode_use,
    token_key,
)
from stator.model.errors import IdempotentParameterMismatchError
from stator.model.positions import Seq, TimestampUs
from stator.model.records import Effect
from stator.rules.ledger import rule
from stator.rules.transaction_messages import Decide, Decided

from .unmaterialized import Unmaterialized


class Ruled(NamedTuple):
    """What a ruling adds, the newest record not yet in the view on which it rests, and the answer."""

    effects: list[Effect]
    seq: Seq | None
    answer: Decided | IdempotentParameterMismatchError


def ruled(asked: Decide, state: Unmaterialized, timestamp: Callable[[], TimestampUs]) -> Ruled:
    """Rule on a proposal. A token's use goes into the record of the commit that it stands for."""
    decision_seq, decided = state.newest(decision_key(asked.txid))
    use_seq, used = state.newest(token_key(asked.token)) if asked.token else (None, None)
    now = timestamp()
    ruling = rule(
        asked,
        None if decided is None else decode_decision(decided.image),
        None if used is None else decode_use(used.image),
        now,
    )
    effects = []
    if ruling.decision is not None:
        effects.append(Effect(decision_key(asked.txid), None, encode_decision(ruling.decision), now))
    if ruling.use is not None:
        old = None if used is None else used.image
        effects.append(Effect(token_key(asked.token), old, encode_use(ruling.use), now))
    seq = max((seq for seq in (decision_seq, use_seq) if seq is not None), default=None)
    return Ruled(effects, seq, ruling.answer)
