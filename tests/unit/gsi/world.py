"""A table with indexes, source logs written by leaders and forgotten leaders, an unreliable log, and what must come out."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from services.gsi.worker import IndexWorker
from stator.adapters.clock_manual import ManualClock
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogReader, MemoryLogStore
from stator.adapters.view_memory import MemoryView
from stator.codec.catalog_entries import Entry, encode_entry, encode_table, table_key
from stator.codec.log_records import (
    BASE,
    CLAIM,
    COMMIT,
    DEFINE,
    EFFECTS,
    encode_base,
    encode_claim,
    encode_commit,
    encode_define,
    encode_effects,
    encode_envelope,
    fingerprint,
)
from stator.codec.snapshot_files import SnapshotRow
from stator.model.errors import LogError
from stator.model.item import Item, encode_image
from stator.model.key_order import token
from stator.model.positions import (
    CATALOG_LOG,
    OWN_LANE,
    Epoch,
    LaneState,
    LogId,
    LogPosition,
    Offset,
    Seq,
    TimestampUs,
    WriterId,
)
from stator.model.records import Base, Commit, Effect, Kind
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection, Table, even_partitions, partition_for
from stator.ports.log import Report
from stator.ports.view import Change, StoredItem, ViewWriter
from stator.rules.acceptance import chain_after
from stator.rules.index_changes import index_row
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.replica import Replica

SOURCES = (LogId(1), LogId(2))
COLOURS = ("red", "green", "blue", "grey")
TABLE = Table(
    table_id="t",
    name="Things",
    status="ACTIVE",
    created_us=TimestampUs(1),
    key=KeySchema(KeyAttribute("id", "S")),
    partitions=even_partitions(SOURCES),
    indexes=(
        Index(
            "by-colour",
            KeySchema(KeyAttribute("colour", "S"), KeyAttribute("rank", "N")),
            Projection("ALL"),
            even_partitions((LogId(11), LogId(12), LogId(13))),
        ),
        Index(
            "by-owner",
            KeySchema(KeyAttribute("owner", "S")),
            Projection("KEYS_ONLY"),
            even_partitions((LogId(21),)),
        ),
    ),
)
INDEX_LOGS = tuple(part.log_id for index in TABLE.indexes for part in index.partitions)


def store_with_logs() -> MemoryLogStore:
    store = MemoryLogStore()
    for log_id in (CATALOG_LOG, *TABLE.logs):
        store.create(log_id)
    return store


class UnreliableLog(MemoryLog):
    """Loses, repeats and delays appends to index logs, and lies about them, as far as the port allows."""

    def __init__(self, store: MemoryLogStore, dice: random.Random) -> None:
        super().__init__(store)
        self.faults = 0.0
        """How many appends of a hundred go wrong, as a fraction."""
        self.reads: list[tuple[LogId, Offset]] = []
        """Which logs were opened, and where."""
        self._dice = dice
        self._late: list[tuple[LogId, bytes]] = []

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        if self._killed:
            return
        if self._late and self._dice.random() < 0.3:
            self.store.land(*self._late.pop(self._dice.randrange(len(self._late))))
        if self._dice.random() >= self.faults:
            super().append(log_id, data, report)
            return
        match self._dice.randrange(5):
            case 0:
                self.deliver(report, None, LogError("lost"))
            case 1:
                pass  # lost, and no word about it
            case 2:
                self.store.land(log_id, data)
                self.deliver(report, None, LogError("not lost at all"))
            case 3:
                self._late.append((log_id, data))
            case _:
                offset = self.store.land(log_id, data)
                self.store.land(log_id, data)
                self.deliver(report, offset, None)

    def read(self, log_id: LogId, start: Offset) -> MemoryLogReader:
        self.reads.append((log_id, start))
        return super().read(log_id, start)


class LandingPlace(Protocol):
    """Where a source writer's bytes go: a store, or a real log."""

    def land(self, log_id: LogId, data: bytes) -> object: ...


@dataclass
class SourceWriter:
    """One partition's leader, and the items it has; a forgotten leader's records come in between."""

    store: LandingPlace
    log_id: LogId
    dice: random.Random
    items: dict[bytes, bytes] = field(default_factory=dict)
    base: dict[bytes, bytes] = field(default_factory=dict)
    _now_us: int = 1_000
    _lane: LaneState = field(default_factory=LaneState)
    _forgotten: LaneState | None = None

    def claim(self) -> None:
        self._forgotten = self._lane if self._lane.epoch else None
        lane = replace(
            self._lane, epoch=Epoch(self._lane.epoch + 1), writer=WriterId(self.dice.getrandbits(64)), seq=Seq(0)
        )
        raw = self._envelope(Kind.CLAIM, lane, CLAIM, encode_claim("leader"))
        self._lane = replace(lane, chain=chain_after(lane.chain, raw))
        self.store.land(self.log_id, raw)

    def install_base(self, items: int) -> None:
        for _ in range(items):
            key, image = self._random_item()
            self.base[key] = image
        self.items.update(self.base)
        self._write(Kind.BASE, BASE, encode_base(Base(f"{self.log_id}.snap", b"", 0, self._tick())))

    def barrier(self) -> None:
        """A record that changes no item."""
        self._write(Kind.BARRIER, EFFECTS, b"")

    def define(self) -> None:
        self._write(Kind.DEFINE, DEFINE, encode_define(encode_table(TABLE)))

    def write(self, effects: int | None = None, note_bytes: int = 0) -> None:
        """A group commit; `note_bytes` makes its items large."""
        count = effects or self.dice.randint(1, 4)
        changes = [self._random_effect(note_bytes) for _ in range(count)]
        if self.dice.random() < 0.2:  # as a transaction
            commit_us = self._tick()
            self._write(Kind.COMMIT, COMMIT, encode_commit(Commit(b"txid", commit_us, commit_us, tuple(changes))))
        else:
            self._write(Kind.EFFECT, EFFECTS, encode_effects(changes))
        if self._forgotten is not None and self.dice.random() < 0.2:
            stale = [Effect(b"never" * 4, None, b'{"id":{"S":"never"}}', self._tick())]
            self.store.land(self.log_id, self._record(Kind.EFFECT, self._forgotten, EFFECTS, encode_effects(stale)))

    def _write(self, kind: Kind, schema: str, payload: bytes) -> None:
        raw = self._record(kind, self._lane, schema, payload)
        self._lane = replace(self._lane, seq=Seq(self._lane.seq + 1), chain=chain_after(self._lane.chain, raw))
        self.store.land(self.log_id, raw)

    def _record(self, kind: Kind, lane: LaneState, schema: str, payload: bytes) -> bytes:
        return self._envelope(kind, replace(lane, seq=Seq(lane.seq + 1)), schema, payload)

    def _envelope(self, kind: Kind, lane: LaneState, schema: str, payload: bytes) -> bytes:
        return encode_envelope(
            kind,
            self.log_id,
            OWN_LANE,
            lane.epoch,
            lane.writer,
            lane.seq,
            lane.chain,
            self._tick(),
            fingerprint(schema),
            payload,
        )

    def _tick(self) -> TimestampUs:
        self._now_us += 1
        return TimestampUs(self._now_us)

    def _random_effect(self, note_bytes: int) -> Effect:
        key, image = self._random_item(note_bytes)
        new = None if key in self.items and self.dice.random() < 0.3 else image
        old = self.items.pop(key, None)
        if new is not None:
            self.items[key] = new
        return Effect(key, old, new, self._tick())

    def _random_item(self, note_bytes: int = 0) -> tuple[bytes, bytes]:
        while True:
            item: Item = {"id": {"S": f"item-{self.dice.randrange(60)}"}}
            key = TABLE.key.item_key(item)
            if partition_for(TABLE.partitions, token(key)).log_id == self.log_id:
                break
        if self.dice.random() < 0.8:
            item["colour"] = {"S": self.dice.choice(COLOURS)}
            item["rank"] = {"N": str(self.dice.randrange(5))}
        if self.dice.random() < 0.5:
            item["owner"] = {"S": self.dice.choice("abc")}
        item["note"] = {"S": str(self.dice.randrange(1000)) + "x" * note_bytes}
        return key, encode_image(item)


class World:
    """Everything that outlives a process, and a clock that all processes share."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.store = store_with_logs()
        self.clock = ManualClock()
        self.writers = [SourceWriter(self.store, log_id, self.dice) for log_id in SOURCES]
        self.failures: list[str] = []

    async def base_items(self, base: Base) -> AsyncIterator[Sequence[SnapshotRow]]:
        (writer,) = [writer for writer in self.writers if base.snapshot_object == f"{writer.log_id}.snap"]
        rows = [SnapshotRow(key, base.timestamp_us, image) for key, image in sorted(writer.base.items())]
        for start in range(0, len(rows), 7):
            yield rows[start : start + 7]

    async def run(self, seconds: float) -> None:
        """Let time pass, sleepers waking one after the other."""
        end = self.clock.monotonic() + seconds
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            wake = self.clock.next_wake()
            if wake is None or wake > end:
                break
            self.clock.advance(wake - self.clock.monotonic())
        self.clock.advance(end - self.clock.monotonic())

    def process(
        self,
        name: str,
        mine: Callable[[LogId], bool] = lambda _: True,
        known: Callable[[LogId], LogPosition] = lambda _: LogPosition(),
    ) -> "Process":
        """Start an index worker with a log handle of its own."""
        return Process(self, name, mine, known)

    async def index_rows(self) -> dict[LogId, dict[bytes, bytes]]:
        """What materializers make of the index logs."""
        rows = {}
        for log_id in INDEX_LOGS:
            view = await self.index_view(log_id)
            rows[log_id] = {key: item.image for key, item in view.scan(b"", None)}
        return rows

    async def index_view(self, log_id: LogId) -> MemoryView:
        view = MemoryView(0)
        replica = Replica(MemoryLog(self.store), log_id, view, _no_base)
        await replica.fold(list(self.store.messages(log_id, Offset(0))))
        return view

    def projection(self) -> dict[LogId, dict[bytes, bytes]]:
        return projection(self.writers)


def projection(writers: Sequence[SourceWriter]) -> dict[LogId, dict[bytes, bytes]]:
    """What the index logs must add up to, computed from the items alone."""
    rows: dict[LogId, dict[bytes, bytes]] = {log_id: {} for log_id in INDEX_LOGS}
    for writer in writers:
        for key, image in writer.items.items():
            for index in TABLE.indexes:
                row = index_row(key, image, index, TABLE.key)
                if row is not None:
                    rows[partition_for(index.partitions, token(row[0])).log_id][row[0]] = row[1]
    return rows


class Process:
    """One index worker that can be killed."""

    def __init__(
        self, world: World, name: str, mine: Callable[[LogId], bool], known: Callable[[LogId], LogPosition]
    ) -> None:
        self.log = UnreliableLog(world.store, world.dice)
        self._tasks = Tasks(lambda task, error: world.failures.append(f"{name} {task}: {error!r}"))
        self.worker = IndexWorker(
            name,
            self.log,
            _catalog(self.log),
            world.clock,
            SeededIds(world.dice),
            self._tasks,
            world.base_items,
            mine=mine,
            known=known,
        )

    def kill(self) -> None:
        self.log.kill()
        self._tasks.cancel()

    async def close(self) -> None:
        await self._tasks.close()


def _catalog(log: MemoryLog) -> Catalog:
    view = MemoryView(0)
    view.apply(
        [Change(table_key(TABLE.name), StoredItem(TimestampUs(1), encode_entry(Entry(table=TABLE))))], LogPosition()
    )
    return Catalog(Replica(log, CATALOG_LOG, view, _no_base))


async def _no_base(_base: Base, _view: ViewWriter, _position: LogPosition) -> None:
    raise AssertionError("an index log has no Base")
