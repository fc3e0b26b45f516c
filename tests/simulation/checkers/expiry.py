"""OnlyTheExpiredExpire: what the service deletes was due, under a definition by which items expire; and what is due goes."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.catalog_entries import decode_table
from stator.codec.log_records import decode_define
from stator.model.item import decode_image
from stator.model.positions import LogId
from stator.model.records import Effect, Kind
from stator.model.tables import Table
from tests.simulation.accepted import accepted, effects
from tests.simulation.clock import START_US
from tests.simulation.cluster import TTL_SWEEP_S
from tests.simulation.history import EXPIRY

CLOCK_STEPS_S = 4.0
"""How far a leader's clock may have gone back between its look and its decision."""

PATIENCE_S = 10 * TTL_SWEEP_S
"""How long after an item was due it may still be there: clocks are wrong, and sweeps are put off while nobody leads."""


def check(store: MemoryLogStore, log_id: LogId) -> Iterator[str]:
    """What is wrong with the service's own deletions in one log of a table."""
    attribute = ""
    for one in accepted(store, log_id):
        if one.record.kind is Kind.DEFINE:
            attribute = decode_table(decode_define(one.record)).ttl_attribute
        for effect in one.effects:
            if effect.origin and not (attribute == EXPIRY and _was_due(effect)):
                yield f"log {log_id}: {effect.old!r} was deleted at {effect.timestamp_us} although not due"


def left_over(store: MemoryLogStore, table: Table, now_s: float) -> Iterator[str]:
    """Items that should have gone by the simulated second `now_s`."""
    if not table.ttl_attribute:
        return
    for partition in table.partitions:
        newest = {effect.key: effect.new for effect in effects(store, partition.log_id)}
        for image in newest.values():
            until = _until_s(image)
            if until and until < START_US / 1e6 + now_s - PATIENCE_S:
                yield f"{table.name}: {image!r} is still there, {now_s:.0f} s from the start"


def _was_due(effect: Effect) -> bool:
    until = _until_s(effect.old)
    return effect.new is None and 0 < until <= effect.timestamp_us / 1e6 + CLOCK_STEPS_S


def _until_s(image: bytes | None) -> int:
    item = {} if image is None else decode_image(image)
    return int(item.get(EXPIRY, {"N": "0"})["N"])
