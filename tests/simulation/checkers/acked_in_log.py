"""AckedIsDurable, FailedNeverLands: the accepted effects are the writes that clients were told of, no more.

Every effect is one attempt's, found the item that its predecessor left, did what the attempt asked, and lies in the log in an
order that clients could have seen: nothing asked after an answer lies before what was answered.
"""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.item import decode_image, encode_image
from stator.model.positions import LogId
from stator.model.records import Effect
from tests.simulation.accepted import effects
from tests.simulation.history import Attempt, Told


def check(store: MemoryLogStore, log_id: LogId, attempts: list[Attempt]) -> Iterator[str]:
    """What is wrong with one log of a table, given all attempts at it."""
    writes = [attempt for attempt in attempts if attempt.writes]
    by_token = {attempt.token: attempt for attempt in writes}
    state: dict[bytes, bytes | None] = {}
    landed: set[str] = set()
    last_asked_at = 0.0
    for effect in effects(store, log_id):
        where = f"log {log_id}: the effect of {effect.timestamp_us}"
        if effect.old != state.get(effect.key):
            yield f"{where} did not find what was there: {effect.old!r}, not {state.get(effect.key)!r}"
        state[effect.key] = effect.new
        if effect.origin:
            continue  # the services' own: `expiry.py` asks whether they should have
        attempt = by_token.get(effect.request_id)
        if attempt is None:
            yield f"{where} is nobody's: {effect.new!r}"
            continue
        landed.add(attempt.token)
        yield from (f"{where}, attempt {attempt.token}: {fault}" for fault in _faults(effect, attempt))
        last_asked_at = max(last_asked_at, attempt.asked_at)
        if attempt.told is Told.DONE and attempt.told_at < last_asked_at:
            yield f"{where}: attempt {attempt.token} was answered before one that lies before it in the log was asked"
    for attempt in writes:
        if attempt.timestamp_us and attempt.token not in landed:
            yield f"log {log_id}: attempt {attempt.token} ({attempt.verb}) was acknowledged and is not in the log"


def _faults(effect: Effect, attempt: Attempt) -> Iterator[str]:
    old = None if effect.old is None else decode_image(effect.old)
    wanted = attempt.applied(old) if attempt.holds(old) else old
    if attempt.key != effect.key:
        yield "another key"
    if attempt.told is Told.FAILED or (attempt.told is Told.REFUSED and effect.new != effect.old):
        yield f"the client was told that it was {attempt.told.value}"
    if attempt.told is Told.DONE and attempt.timestamp_us != effect.timestamp_us:
        yield f"the client was told of {attempt.timestamp_us}"
    if effect.new != (None if wanted is None else encode_image(wanted)):
        yield f"made {effect.new!r} of {effect.old!r} where {wanted!r} was asked for"
