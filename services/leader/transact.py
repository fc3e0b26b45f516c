"""Transactions within one partition: deciding all actions on the newest decided state, and looks for TransactGetItems.

All effects of a transaction carry one timestamp and go into one record, so that no reader of the log and no restore to any
instant has a part of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stator.model.attributes import item_size
from stator.model.errors import IdempotentParameterMismatchError, TransactionCanceledError, ValidationError
from stator.model.item import decode_image
from stator.model.positions import Epoch, Seq, TimestampUs
from stator.model.records import Effect
from stator.ports.view import StoredItem
from stator.rules.commands import Outcome
from stator.rules.decide import Decision
from stator.rules.request_tokens import request_hash_in
from stator.rules.transaction_messages import Action, Look, Looks, Transact, Transacted, TransactRead
from stator.rules.transactions import PAYLOAD_BYTES_MAX, Found, cancelled, decide_together, reason_of

from .group_commit import RECORD_BYTES_MAX
from .unmaterialized import Unmaterialized, latest


class Decided(NamedTuple):
    """What a transaction changes, the newest record not yet in the view on which that rests, and the answer."""

    effects: list[Effect]
    seq: Seq | None
    answer: Transacted | TransactionCanceledError


def decide_transaction(
    actions: Sequence[Action],
    state: Unmaterialized,
    timestamp: Callable[[], TimestampUs],
    held_bytes: int,
    holds: Callable[[bytes], bool],
    request_id: str = "",
) -> Decided:
    """Decide all of a transaction. `held_bytes`: what the partition holds, for the outcomes; `holds`: whether another transaction
    has an item; `request_id`: for the effects.
    """
    newest = [state.newest(action.key) for action in actions]
    seq = latest(seq for seq, _ in newest)
    found = [_found(stored, locked=holds(action.key)) for action, (_, stored) in zip(actions, newest, strict=True)]
    decisions = decide_together(actions, found)
    if not isinstance(decisions, TransactionCanceledError):
        decisions = _within_a_record(decisions, [stored for _, stored in newest])
    if isinstance(decisions, TransactionCanceledError):
        return Decided([], seq, decisions)
    now = timestamp() if any(decision.changed for decision in decisions) else TimestampUs(0)
    effects = [
        Effect(action.key, None if stored is None else stored.image, decision.new, now, request_id)
        for action, (_, stored), decision in zip(actions, newest, decisions, strict=True)
        if decision.changed
    ]
    outcomes = [_outcome(decision, now, held_bytes) for decision in decisions]
    return Decided(effects, seq, Transacted(outcomes))


def _found(stored: StoredItem | None, *, locked: bool) -> Found:
    return Found(None, 0, locked) if stored is None else Found(stored.image, stored.timestamp_us, locked)


def _within_a_record(
    decisions: list[Decision], stored: list[StoredItem | None]
) -> list[Decision] | TransactionCanceledError:
    """The decisions, if one record can carry them: a small request may well change more items than that."""
    left = RECORD_BYTES_MAX
    for place, (decision, old) in enumerate(zip(decisions, stored, strict=True)):
        left -= 0 if not decision.changed else len(decision.new or b"") + (0 if old is None else len(old.image))
        if left < 0:
            reason = reason_of(ValidationError("The items that the transaction changes are too large together"))
            return cancelled(len(decisions), {place: reason})
    return decisions


def _outcome(decision: Decision, now: TimestampUs, held_bytes: int) -> Outcome:
    outcome = decision.answer
    assert isinstance(outcome, Outcome), "a refusal would have cancelled the transaction"
    timestamp_us = now if decision.changed else 0
    return Outcome(None, outcome.bytes_written, timestamp_us, outcome.index_units, held_bytes)


def repeated(
    request: Transact, first: Effect, state: Unmaterialized, confirmed: Seq
) -> Transacted | IdempotentParameterMismatchError:
    """The answer to a transaction whose client token came before, with one that had the effect `first`: what reading the items
    costs.
    """
    if request_hash_in(first.request_id) != request.request_hash:
        return IdempotentParameterMismatchError()
    found = [state.confirmed(action.key, confirmed) for action in request.actions]
    sizes = [0 if stored is None else item_size(decode_image(stored.image)) for stored in found]
    return Transacted([Outcome(bytes_written=size) for size in sizes], repeated=True)


def look(
    request: TransactRead, state: Unmaterialized, confirmed: Seq, epoch: Epoch, unsettled: Callable[[bytes], bool]
) -> Looks | ValidationError:
    """The items as records up to `confirmed` leave them, and whether a transaction may have changed them since.

    More of them than any TransactGetItems may show are refused.
    """
    found = [state.confirmed(key, confirmed) for key in request.keys]
    if request.images and _too_large([stored.image for stored in found if stored is not None]):
        return ValidationError("The items of the transaction are too large together")
    items = [
        Look(None, 0, unsettled(key))
        if stored is None
        else Look(stored.image if request.images else None, stored.timestamp_us, unsettled(key))
        for key, stored in zip(request.keys, found, strict=True)
    ]
    return Looks(items, (epoch, state.deleted(confirmed)))


def _too_large(images: list[bytes]) -> bool:
    # An image is never shorter than its item's size: most need not be counted.
    if sum(map(len, images)) <= PAYLOAD_BYTES_MAX:
        return False
    return sum(item_size(decode_image(image)) for image in images) > PAYLOAD_BYTES_MAX
