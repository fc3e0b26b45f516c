"""What makes several actions one transaction: all are decided on one state of things, and a single refusal refuses all. Pure.

The rules are the same whether one partition decides them all or each its share (protocol R14); where a transaction is
prepared, committed and remembered is the leaders' and the ledger's business.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

import msgspec

from stator.model.errors import (
    CancellationReason,
    ConditionalCheckFailedError,
    DomainError,
    TransactionCanceledError,
    TransactionConflictError,
    ValidationError,
)
from stator.rules.commands import Outcome
from stator.rules.decide import Decision, decide
from stator.rules.request_tokens import REQUEST_HASH_BYTES
from stator.rules.transaction_messages import Action, Looks

PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
"""What the actions of one transaction may carry, and what the items of one that reads may come to. Source: AWS developer guide,
"Amazon DynamoDB Transactions: How it works". Large items that a small request deletes do not count: checked against AWS by Scylla.
"""

_CODES = {
    ConditionalCheckFailedError: "ConditionalCheckFailed",
    TransactionConflictError: "TransactionConflict",
    ValidationError: "ValidationError",
}

Group = TypeVar("Group", bound=Hashable)
Part = TypeVar("Part")


class Found(NamedTuple):
    """What an action finds under its key: the image and version (None and 0: no item), and whether another transaction holds it."""

    image: bytes | None
    version_us: int
    locked: bool = False


def decide_together(actions: Sequence[Action], found: Sequence[Found]) -> list[Decision] | TransactionCanceledError:
    """Decide actions on different keys, each given what it finds: all of them as asked, or why none."""
    decisions = [_decide(action, one) for action, one in zip(actions, found, strict=True)]
    refusals = {
        place: reason_of(decision.answer)
        for place, decision in enumerate(decisions)
        if not isinstance(decision.answer, Outcome)
    }
    return cancelled(len(actions), refusals) if refusals else decisions


def _decide(action: Action, found: Found) -> Decision:
    if found.locked:
        return Decision(found.image, changed=False, answer=TransactionConflictError())
    return decide(action, found.image, found.version_us)


def reason_of(refusal: DomainError) -> CancellationReason:
    """How a transaction tells what was against one of its actions."""
    item = refusal.item if isinstance(refusal, ConditionalCheckFailedError) else None
    return CancellationReason(_CODES[type(refusal)], refusal.message, item)


CONFLICT = reason_of(TransactionConflictError())
"""An unfinished transaction holds the item, or others kept changing it."""


def unsettled(first: Looks, second: Looks) -> list[int]:
    """The places of items that changed between two looks at one partition, or that an unfinished transaction held."""
    nothing_deleted = first.deletes == second.deletes
    return [
        place
        for place, (was, now) in enumerate(zip(first.items, second.items, strict=True))
        if was.locked or now.locked or was.version_us != now.version_us or (now.version_us == 0 and not nothing_deleted)
    ]


def cancelled(actions: int, reasons: Mapping[int, CancellationReason]) -> TransactionCanceledError:
    """The error of a transaction of so many actions, given what was against some of them, by their places."""
    nothing = CancellationReason("None")
    return TransactionCanceledError([reasons.get(place, nothing) for place in range(actions)])


def grouped(groups: Iterable[Group]) -> dict[Group, list[int]]:
    """The places at which each group stands: which partition has which actions."""
    places: dict[Group, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    return places


def in_order(shares: Iterable[tuple[Sequence[int], Sequence[Part]]]) -> list[Part]:
    """The parts of all shares by their places, which `grouped` told apart."""
    placed = [pair for places, parts in shares for pair in zip(places, parts, strict=True)]
    return [part for _, part in sorted(placed, key=_place)]


def _place(pair: tuple[int, Any]) -> int:
    return pair[0]


def request_hash(actions: list[dict[str, Any]]) -> bytes:
    """What a client token stands for: the same for the same actions, however their JSON was written."""
    return blake2b(msgspec.json.encode(actions, order="deterministic"), digest_size=REQUEST_HASH_BYTES).digest()
