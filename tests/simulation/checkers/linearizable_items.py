"""Linearizable: each item could have been one register. Porcupine judges it by what clients asked and were told, and nothing else:
it knows neither the log nor our rules (tests/consistency/linearizable.py).

An item's value is its count. What expires is deleted by nobody's request: that may have happened at any time, if the item was this.
"""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.item import decode_image
from stator.model.positions import LogId
from tests.consistency.linearizable import ABSENT, Operation
from tests.consistency.linearizable import check as judge
from tests.simulation.accepted import effects
from tests.simulation.history import Attempt, Told

PATIENCE_S = 0.5
"""For one item. What takes longer is left undecided: `strong_reads.py` has looked at it too.
Ten times as long decides few more."""

VERBS = {"put": "put", "add": "update", "delete": "delete", "get": "get", "find": "get"}


def check(store: MemoryLogStore, log_id: LogId, attempts: list[Attempt]) -> Iterator[str]:
    """What is wrong with the items of one log of a table, given all attempts at it."""
    operations = [made for attempt in attempts if (made := _operation(attempt)) is not None]
    verdict = judge([*operations, *_expiries(store, log_id)], PATIENCE_S)
    yield from (f"log {log_id}: item {key} was not one register" for key in verdict.not_linearizable)


def _operation(attempt: Attempt) -> Operation | None:
    unknown = attempt.told is Told.NOTHING
    if attempt.verb not in VERBS or attempt.told is Told.FAILED or (unknown and not attempt.writes):
        return None
    refused = attempt.told is Told.REFUSED
    return Operation(
        key=attempt.key.hex(),
        verb=VERBS[attempt.verb],
        asked_at=_instant(attempt.asked_at),
        told_at=None if unknown else _instant(attempt.told_at),
        value={"put": str(attempt.wanted_n), "add": "1"}.get(attempt.verb, ""),
        condition={"absent": ABSENT, "counted": (str(attempt.wanted_n),)}.get(attempt.condition or ""),
        refused=refused,
        before=_value(attempt.seen) if refused else None,
        after=None if attempt.writes else _value(attempt.seen),
    )


def _expiries(store: MemoryLogStore, log_id: LogId) -> Iterator[Operation]:
    for effect in effects(store, log_id):
        if effect.origin:
            yield Operation(key=effect.key.hex(), verb="delete", asked_at=0, told_at=None, condition=_value(effect.old))


def _value(image: bytes | None) -> tuple[str, ...]:
    return ABSENT if image is None else (decode_image(image)["n"]["N"],)


def _instant(seconds: float) -> int:
    return round(seconds * 1e9)
