"""AppliedOnce: a request is decided once, however often it was sent: no id has two effects on an item within its window (R18)."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.positions import LogId
from tests.simulation.accepted import accepted

WINDOW_S = 600


def check(store: MemoryLogStore, log_id: LogId) -> Iterator[str]:
    """Requests that one log carried out again."""
    newest: dict[tuple[str, bytes], int] = {}
    for one in accepted(store, log_id):
        for effect in one.effects:
            known = (effect.request_id, effect.key)
            if not effect.request_id:
                continue
            if effect.timestamp_us - newest.get(known, -WINDOW_S * 1_000_000) < WINDOW_S * 1_000_000:
                yield f"log {log_id}: request {effect.request_id} is carried out again at {one.offset}"
            newest[known] = effect.timestamp_us
