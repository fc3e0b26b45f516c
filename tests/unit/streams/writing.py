"""Log records for tests of streams, made by a writer that keeps the rules of Claim-Chain-Confirm."""

from collections.abc import Iterator
from random import Random

from stator.codec.catalog_entries import encode_table
from stator.codec.log_records import (
    BASE,
    CLAIM,
    COMMIT,
    DEFINE,
    EFFECTS,
    PREPARE,
    encode_base,
    encode_claim,
    encode_commit,
    encode_define,
    encode_effects,
    encode_envelope,
    encode_preparation,
    fingerprint,
)
from stator.model.item import Item, encode_image
from stator.model.positions import OWN_LANE, Epoch, LaneState, LogId, Seq, TimestampUs, WriterId
from stator.model.records import Base, Commit, Effect, Kind, Preparation
from stator.model.tables import KeyAttribute, KeySchema, Stream, Table, even_partitions
from stator.rules.acceptance import chain_after

KEY = KeySchema(KeyAttribute("Id", "S"))
FIRST_US = 1_700_000_000_000_000
UNCLAIMED = LaneState()


def table(*log_ids: int, name: str = "Music", stream: Stream | None = None) -> Table:
    partitions = even_partitions(tuple(LogId(log_id) for log_id in log_ids))
    return Table("t-1", name, "ACTIVE", TimestampUs(FIRST_US), KEY, partitions, stream=stream)


def effect(old: Item | None, new: Item | None, timestamp_us: int = FIRST_US, origin: str = "") -> Effect:
    item = new if new is not None else old
    assert item is not None
    return Effect(
        KEY.item_key(item),
        None if old is None else encode_image(old),
        None if new is None else encode_image(new),
        TimestampUs(timestamp_us),
        origin=origin,
    )


class LogWriter:
    """Makes a log's messages. Each claim takes over from the writer before; `stale` is what that one sends too late."""

    def __init__(self, log_id: int, lane: LaneState = UNCLAIMED) -> None:
        self.log_id = LogId(log_id)
        self._epoch: int = lane.epoch
        self._seq: int = lane.seq
        self._chain = lane.chain
        self._timestamp_us = FIRST_US

    def claim(self) -> bytes:
        self._epoch, self._seq = self._epoch + 1, -1
        return self._record(Kind.CLAIM, CLAIM, encode_claim(f"writer-{self._epoch}"))

    def define(self, definition: Table) -> bytes:
        return self._record(Kind.DEFINE, DEFINE, encode_define(encode_table(definition)))

    def base(self) -> bytes:
        return self._record(Kind.BASE, BASE, encode_base(Base("snapshots/x", b"", 0, TimestampUs(FIRST_US))))

    def effects(self, effects: list[Effect]) -> bytes:
        return self._record(Kind.EFFECT, EFFECTS, encode_effects(effects))

    def transaction(self, effects: list[Effect]) -> list[bytes]:
        """A Prepare and its Commit."""
        times = TimestampUs(self._timestamp_us + 1), effects[-1].timestamp_us
        begun = Preparation(b"txid", (self.log_id,), "", times[0], tuple(effects), ())
        done = Commit(b"txid", *times, tuple(effects))
        return [
            self._record(Kind.PREPARE, PREPARE, encode_preparation(begun)),
            self._record(Kind.COMMIT, COMMIT, encode_commit(done)),
        ]

    def stale(self, effects: list[Effect]) -> bytes:
        payload = encode_effects(effects)
        return self._envelope(Kind.EFFECT, EFFECTS, payload, epoch=self._epoch - 1, seq=self._seq + 1)

    def _record(self, kind: Kind, schema: str, payload: bytes) -> bytes:
        self._seq += 1
        raw = self._envelope(kind, schema, payload, epoch=self._epoch, seq=self._seq)
        self._chain = chain_after(self._chain, raw)
        return raw

    def _envelope(self, kind: Kind, schema: str, payload: bytes, *, epoch: int, seq: int) -> bytes:
        self._timestamp_us += 1
        return encode_envelope(
            kind,
            self.log_id,
            OWN_LANE,
            Epoch(epoch),
            WriterId(epoch),
            Seq(seq),
            self._chain,
            TimestampUs(self._timestamp_us),
            fingerprint(schema),
            payload,
        )


def random_effects(dice: Random, keys: int, prefix: str = "") -> Iterator[Effect]:
    """An endless history of some items: each effect continues from what the one before left."""
    items: dict[str, Item] = {}
    timestamp_us = FIRST_US
    while True:
        timestamp_us += 1
        name = f"{prefix}{dice.randrange(keys)}"
        old = items.pop(name, None)
        new: Item | None = {"Id": {"S": name}, "Version": {"N": str(timestamp_us)}}
        if old is not None and dice.random() < 0.3:
            new = None
        if new is not None:
            items[name] = new
        yield effect(old, new, timestamp_us)
