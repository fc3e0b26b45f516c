"""What the logs say, by rules written down a second time: R1, R2 and the fold share no code with what they check.

What was read of a log once is kept, for a log only grows: checkers ask about the same records hundreds of times in a run.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from weakref import WeakKeyDictionary

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.log_records import decode_base, decode_changes, decode_envelope, decode_index_batch
from stator.codec.snapshot_files import decode_snapshot, snapshot_part_rows
from stator.model.positions import LogId, Offset
from stator.model.records import Effect, Envelope, Kind
from stator.rules.local_rows import LocalLayout, row_keys


@dataclass
class _Lane:
    epoch: int = 0
    writer: int = 0
    seq: int = 0
    chain: int = 0

    def takes(self, record: Envelope) -> bool:
        if record.kind is Kind.CLAIM:
            if record.epoch <= self.epoch:
                return False
            self.epoch, self.writer, self.seq = record.epoch, record.writer, 0
        else:
            if (record.epoch, record.writer, record.seq) != (self.epoch, self.writer, self.seq + 1):
                return False
            assert record.prev_chain == self.chain, (
                f"log {record.log_id}: the chain is broken at {record.epoch}/{record.seq}"
            )
            self.seq = record.seq
        digest = blake2b(self.chain.to_bytes(8, "big") + record.raw, digest_size=8).digest()
        self.chain = int.from_bytes(digest, "big")
        return True


@dataclass(frozen=True)
class Accepted:
    """A record that counts, and where it lies."""

    offset: Offset
    record: Envelope

    @cached_property
    def effects(self) -> Sequence[Effect]:
        """What it did to items."""
        return decode_changes(self.record)

    @cached_property
    def rows(self) -> Sequence[tuple[bytes, bytes | None, int]]:
        """The keys that it gives an image, with the image's version."""
        if self.record.kind is Kind.INDEX:
            return [(row.key, row.image, row.timestamp_us) for row in decode_index_batch(self.record).rows]
        return [(effect.key, effect.new, effect.timestamp_us) for effect in self.effects]


@dataclass(frozen=True)
class Folded:
    """What a view has to hold. Not to be changed: others get the same."""

    items: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """By key: version and image."""
    base: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """What the log's Base record brought."""
    _rows: dict[LocalLayout, dict[bytes, bytes]] = field(default_factory=dict)

    def rows(self, layout: LocalLayout) -> dict[bytes, bytes]:
        """The rows that lead to the items, each with its item's key."""
        if layout not in self._rows:
            items = self.items.items()
            self._rows[layout] = {row: key for key, (_, image) in items for row in row_keys(layout, key, image)}
        return self._rows[layout]

    @cached_property
    def digest(self) -> int:
        total = 0
        for key, (_, image) in self.items.items():
            share = blake2b(len(key).to_bytes(4, "big") + key + image, digest_size=16).digest()
            total += int.from_bytes(share, "big")
        return total % (1 << 128)


class _ReadLog:
    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self._next = Offset(0)
        self._lanes: dict[int, _Lane] = {}
        self._folded = {0: Folded()}

    def read_on(self, store: MemoryLogStore, log_id: LogId) -> None:
        for message in store.messages(log_id, self._next):
            self._next = Offset(message.offset + 1)
            record = decode_envelope(message.data)
            if self._lanes.setdefault(record.lane, _Lane()).takes(record):
                self.accepted.append(Accepted(message.offset, record))

    def count(self, until: Offset | None) -> int:
        if until is None:
            return len(self.accepted)
        return bisect_left(self.accepted, until, key=lambda one: one.offset)

    def fold(self, objects: dict[str, bytes], count: int) -> Folded:
        known = max(before for before in self._folded if before <= count)
        if known < count:
            self._folded[count] = _fold(self._folded[known], self.accepted[known:count], objects)
        return self._folded[count]


_READ: WeakKeyDictionary[MemoryLogStore, dict[LogId, _ReadLog]] = WeakKeyDictionary()


def accepted(store: MemoryLogStore, log_id: LogId, until: Offset | None = None) -> Sequence[Accepted]:
    """The records of a log that count, of those below `until`."""
    log = _read(store, log_id)
    return log.accepted if until is None else log.accepted[: log.count(until)]


def effects(store: MemoryLogStore, log_id: LogId) -> list[Effect]:
    """All effects of a log that count, in order."""
    return [effect for one in accepted(store, log_id) for effect in one.effects]


def fold(store: MemoryLogStore, objects: dict[str, bytes], log_id: LogId, until: Offset | None = None) -> Folded:
    """The state that a log's records below `until` lead to."""
    log = _read(store, log_id)
    return log.fold(objects, log.count(until))


def _read(store: MemoryLogStore, log_id: LogId) -> _ReadLog:
    log = _READ.setdefault(store, {}).setdefault(log_id, _ReadLog())
    log.read_on(store, log_id)
    return log


def _fold(start: Folded, records: Sequence[Accepted], objects: dict[str, bytes]) -> Folded:
    items, base = dict(start.items), start.base
    for one in records:
        if one.record.kind is Kind.BASE:
            base = snapshot_items(objects, decode_base(one.record).snapshot_object)
            items = dict(base)
        for key, image, timestamp_us in one.rows:
            if image is None:
                items.pop(key, None)
            else:
                items[key] = (timestamp_us, image)
    return Folded(items, base)


def snapshot_items(objects: dict[str, bytes], name: str) -> dict[bytes, tuple[int, bytes]]:
    """The items of an archived snapshot."""
    return {
        row.key: (row.timestamp_us, row.image)
        for part in decode_snapshot(name, objects[name]).parts
        for row in snapshot_part_rows(part.name, objects[part.name])
    }
