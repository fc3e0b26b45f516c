"""A client who sends back what it was told of its position sees its own writes, and never less than before: from whatever view,
and through a global index too.

Moments are places in the accepted log, as for strong reads. What an index showed may be ahead of what the table's views show
next, for a position names the logs that were read; so the two are followed apart.
"""

from collections.abc import Callable, Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.item import decode_image, encode_image
from stator.model.key_order import token
from stator.model.positions import LogId
from stator.model.tables import partition_for
from tests.simulation.accepted import effects
from tests.simulation.history import Attempt, key_of
from tests.simulation.sessions import Glance, Session


def check(store: MemoryLogStore, session: Session) -> Iterator[str]:
    """What is wrong with the answers of one session."""
    checker = _Checker(store)
    for step in session.steps:
        yield from checker.attempt(step) if isinstance(step, Attempt) else checker.glance(step)


class _Checker:
    def __init__(self, store: MemoryLogStore) -> None:
        self._store = store
        self._seen: dict[LogId, int] = {}
        """Of each log of a table, the moment that was seen."""
        self._shown: dict[tuple[LogId, LogId], int] = {}
        """The same of each source, by each log of an index."""

    def attempt(self, attempt: Attempt) -> Iterator[str]:
        log_id, floor = attempt.log_id, self._seen.get(attempt.log_id, 0)
        if attempt.timestamp_us:
            versions = [(effect.key, effect.timestamp_us) for effect in effects(self._store, log_id)]
            if (attempt.key, attempt.timestamp_us) in versions:  # else the acknowledged is lost, which others notice
                self._seen[log_id] = max(floor, versions.index((attempt.key, attempt.timestamp_us)) + 1)
        elif not attempt.writes:
            moment = self._moment(log_id, attempt.key, floor, lambda image: image == attempt.seen)
            if moment is None:
                yield (
                    f"log {log_id}: attempt {attempt.token} ({attempt.verb} of {attempt.item_id}) saw {attempt.seen!r}, which was"
                    f" not the state at any moment from {floor} on"
                )
            else:
                self._seen[log_id] = moment

    def glance(self, glance: Glance) -> Iterator[str]:
        for item_id in glance.items:
            key = glance.table.key.item_key(key_of(item_id))
            source = partition_for(glance.table.partitions, token(key)).log_id
            path = glance.log_id, source
            floor = max(self._seen.get(source, 0), self._shown.get(path, 0))
            row = glance.shown.get(item_id)
            moment = self._moment(source, key, floor, lambda image, row=row: _row(glance, image) == row)
            if moment is None:
                yield (
                    f"index log {glance.log_id} showed {row!r} of {item_id}, which was not its row at any moment of log {source}"
                    f" from {floor} on"
                )
            else:
                self._shown[path] = moment

    def _moment(self, log_id: LogId, key: bytes, floor: int, fits: Callable[[bytes | None], bool]) -> int | None:
        """The first moment from `floor` on at which the item's state fits."""
        changes = [(n, effect.new) for n, effect in enumerate(effects(self._store, log_id), 1) if effect.key == key]
        states = [(0, None), *changes]
        for number, (place, image) in enumerate(states, 1):
            lasts = number == len(states) or states[number][0] > floor
            if lasts and fits(image):
                return max(place, floor)
        return None


def _row(glance: Glance, image: bytes | None) -> bytes | None:
    """What a partition of an index shows of an item's state."""
    if image is None:
        return None
    item, index = decode_image(image), glance.index
    row_key = index.row_key(item, glance.table.key.item_key(key_of(item["id"]["S"])))
    if partition_for(index.partitions, token(row_key)).log_id != glance.log_id:
        return None
    return encode_image(index.project(item, glance.table.key))
