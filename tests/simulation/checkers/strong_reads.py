"""NoStaleRead: whatever reveals an item's state (a strong read, a refused condition, a write with nothing to do) shows one
that was current at some moment between question and answer.

Moments are places in the accepted log. What was acknowledged, or shown to another reader, before the question was asked
lies before the moment; what was asked after the answer lies behind it. The log's order is known, so this is exact.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from stator.adapters.log_memory import MemoryLogStore
from stator.model.item import decode_image
from stator.model.positions import LogId
from tests.simulation.accepted import effects
from tests.simulation.history import Attempt, Told


def check(
    store: MemoryLogStore, log_id: LogId, attempts: list[Attempt], base: dict[bytes, bytes] | None = None
) -> Iterator[str]:
    """What is wrong with the reads of one log of a table, given all attempts at it."""
    landed = effects(store, log_id)
    place_of = {(effect.key, effect.timestamp_us): place for place, effect in enumerate(landed, start=1)}
    asked_at = {attempt.token: attempt.asked_at for attempt in attempts}
    states: dict[bytes, list[tuple[int, bytes | None]]] = {}
    for place, effect in enumerate(landed, start=1):
        states.setdefault(effect.key, [(0, None)]).append((place, effect.new))
    known: list[tuple[float, int]] = []
    floor = 0
    for attempt in sorted(attempts, key=lambda one: one.asked_at):
        while known and known[0][0] < attempt.asked_at:
            floor = max(floor, heappop(known)[1])
        if attempt.told not in {Told.DONE, Told.REFUSED} or attempt.verb == "look":
            continue
        if attempt.timestamp_us:
            place = place_of.get((attempt.key, attempt.timestamp_us), 0)
            if place < floor:
                yield f"log {log_id}: attempt {attempt.token} lies at {place}, what it followed at {floor}"
        else:
            shown = _first_moment(states.get(attempt.key, [(0, None)]), attempt, floor, asked_at)
            if shown is None:
                yield (
                    f"log {log_id}: attempt {attempt.token} ({attempt.verb} of {attempt.item_id}, asked at"
                    f" {attempt.asked_at:.3f}, told at {attempt.told_at:.3f}) saw {attempt.seen!r}, which was not the"
                    f" state at any moment from {floor} on"
                )
                continue
            place = shown
        heappush(known, (attempt.told_at, place))


def _first_moment(
    states: list[tuple[int, bytes | None]], attempt: Attempt, floor: int, asked_at: dict[str, float]
) -> int | None:
    for number, (place, image) in enumerate(states):
        until = states[number + 1][0] if number + 1 < len(states) else None
        if until is not None and until <= floor:
            continue
        item = None if image is None else decode_image(image)
        if item is not None and asked_at[item["tok"]["S"]] > attempt.told_at:
            return None
        if attempt.told is Told.REFUSED:
            fits = image == attempt.seen and not attempt.holds(item)
        elif attempt.verb == "delete":
            fits = image is None
        else:
            fits = image == attempt.seen
        if fits:
            return max(place, floor)
    return None
