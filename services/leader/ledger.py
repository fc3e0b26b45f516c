"""The ledger as its leader keeps it: each ruling reads what the log's newest state says, and adds to it in one record."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from stator.codec.ledger_entries import (
    DECISIONS,
    decision_key,
    decode_decision,
    decode_floor,
    decode_use,
    encode_decision,
    encode_floor,
    encode_use,
    floor_key,
    token_key,
)
from stator.model.errors import IdempotentParameterMismatchError, OutcomeUnknownError
from stator.model.positions import LogId, Seq, TimestampUs
from stator.model.records import Effect
from stator.rules.ledger import expired, forgettable, rule
from stator.rules.transaction_messages import Decide, Decided, Forget, Forgotten

from .unmaterialized import Unmaterialized, latest


class Ruled(NamedTuple):
    """What a ruling adds, the newest record not yet in the view on which it rests, and the answer."""

    effects: list[Effect]
    seq: Seq | None
    answer: Decided | Forgotten | IdempotentParameterMismatchError | OutcomeUnknownError


def ruled(asked: Decide, state: Unmaterialized, timestamp: Callable[[], TimestampUs]) -> Ruled:
    """Rule on a proposal. A token's use goes into the record of the commit that it stands for."""
    decision_seq, decided = state.newest(decision_key(asked.txid))
    use_seq, used = state.newest(token_key(asked.token)) if asked.token else (None, None)
    floors, floors_seq = _floors(asked.prepared, state)
    now = timestamp()
    ruling = rule(
        asked,
        None if decided is None else decode_decision(decided.image),
        None if used is None else decode_use(used.image),
        now,
        floors,
    )
    effects = []
    if ruling.decision is not None:
        old = None if decided is None else decided.image
        effects.append(Effect(decision_key(asked.txid), old, encode_decision(ruling.decision), now))
    if ruling.use is not None:
        old = None if used is None else used.image
        effects.append(Effect(token_key(asked.token), old, encode_use(ruling.use), now))
    return Ruled(effects, latest((decision_seq, use_seq, floors_seq)), ruling.answer)


def forgotten(asked: Forget, state: Unmaterialized, timestamp: Callable[[], TimestampUs]) -> Ruled:
    """Note floors, and forget those entries that nobody needs any more, all in one record."""
    known, _ = _floors(asked.floors, state)
    floors = {log_id: max(closed_us, known.get(log_id, 0)) for log_id, closed_us in asked.floors.items()}
    now = timestamp()
    effects = []
    for log_id, closed_us in floors.items():
        if closed_us > known.get(log_id, 0):
            key = floor_key(LogId(log_id))
            _, old = state.newest(key)
            effects.append(Effect(key, None if old is None else old.image, encode_floor(closed_us), now))
    entries = 0
    for key in asked.keys:
        _, found = state.newest(key)
        if found is not None and _unneeded(key, found.image, floors, now):
            effects.append(Effect(key, found.image, None, now))
            entries += 1
    return Ruled(effects, None, Forgotten(entries))


def _unneeded(key: bytes, image: bytes, floors: dict[int, int], now: TimestampUs) -> bool:
    if key.startswith(DECISIONS):
        return forgettable(decode_decision(image), floors)
    return expired(decode_use(image), now)


def _floors(log_ids: Iterable[int], state: Unmaterialized) -> tuple[dict[int, int], Seq | None]:
    """How far these logs are known to be closed, and the newest record not yet in the view on which that rests."""
    found = {log_id: state.newest(floor_key(LogId(log_id))) for log_id in log_ids}
    floors = {log_id: decode_floor(floor.image) for log_id, (_, floor) in found.items() if floor is not None}
    return floors, latest(found[log_id][0] for log_id in floors)
