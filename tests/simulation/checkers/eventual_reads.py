"""An eventual read may be old. It never shows what was not accepted."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.positions import LogId
from tests.simulation.accepted import effects
from tests.simulation.history import Attempt, Told


def check(store: MemoryLogStore, log_id: LogId, attempts: list[Attempt]) -> Iterator[str]:
    """What is wrong with the eventual reads of one log of a table."""
    states = {(effect.key, effect.new) for effect in effects(store, log_id)}
    for attempt in attempts:
        shown = attempt.verb == "look" and attempt.told is Told.DONE and attempt.seen is not None
        if shown and (attempt.key, attempt.seen) not in states:
            yield f"log {log_id}: attempt {attempt.token} was shown {attempt.seen!r}, which never was"
