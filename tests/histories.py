"""Random logs with their answers: what leaders, forgotten leaders and retries write, and what that must add up to.

The model is a plain list of accepted effects; it never looks at the bytes.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from stator.codec.log_records import (
    ABORT,
    BASE,
    CLAIM,
    COMMIT,
    DEFINE,
    EFFECTS,
    PREPARE,
    STAMP,
    decode_envelope,
    encode_abort,
    encode_base,
    encode_claim,
    encode_commit,
    encode_define,
    encode_effects,
    encode_envelope,
    encode_preparation,
    encode_stamp,
    fingerprint,
)
from stator.model.positions import (
    OWN_LANE,
    Epoch,
    LaneState,
    LogId,
    LogPosition,
    Mark,
    Offset,
    OpenPrepare,
    Seq,
    TimestampUs,
    WriterId,
)
from stator.model.records import Abort, Base, Commit, Effect, Kind, LogMessage, Preparation
from stator.ports.view import StoredItem
from stator.rules.acceptance import chain_after
from stator.rules.evolve import digest_after
from stator.rules.stamps import is_marked

Items = dict[bytes, StoredItem]


def position_of(items: Items, base: LogPosition) -> LogPosition:
    """`base` with the totals of these items."""
    digest = 0
    for key, item in items.items():
        digest = digest_after(digest, key, None, item.image)
    size = sum(len(item.image) for item in items.values())
    return replace(base, digest=digest, items=len(items), item_bytes=size)


@dataclass
class Writer:
    """What one leader believes: an honest one goes on from the log's state, a forgotten one from an old one."""

    lane: LaneState

    def record(self, log_id: LogId, kind: Kind, timestamp_us: int, payload: bytes, schema: str | None) -> bytes:
        raw = encode_envelope(
            kind,
            log_id,
            OWN_LANE,
            self.lane.epoch,
            self.lane.writer,
            Seq(self.lane.seq + 1),
            self.lane.chain,
            TimestampUs(timestamp_us),
            fingerprint(schema) if schema else 0,
            payload,
        )
        self.lane = replace(self.lane, seq=Seq(self.lane.seq + 1), chain=chain_after(self.lane.chain, raw))
        return raw


@dataclass
class RandomLog:
    """A log as it grows: its messages, the state that each prefix folds to, and all accepted effects."""

    log_id: LogId
    dice: random.Random
    out_of_order: bool = True
    """Effects of different items may carry timestamps that do not rise with the log, as transactions' commits do."""
    stamps: bool = False
    """Whether the leader tells now and then what its view comes to."""
    messages: list[LogMessage] = field(default_factory=list)
    positions: list[LogPosition] = field(default_factory=lambda: [LogPosition()])
    states: list[Items] = field(default_factory=lambda: [{}])
    effects: list[tuple[Offset, Effect]] = field(default_factory=list)
    """The accepted ones, each with the offset of its record."""
    base_items: Items = field(default_factory=dict)
    _now: int = 1_000
    _leader: Writer = field(default_factory=lambda: Writer(LaneState()))
    _forgotten: list[Writer] = field(default_factory=list)
    _newest: dict[bytes, int] = field(default_factory=dict)
    _open: list[Preparation] = field(default_factory=list)

    @property
    def end(self) -> Offset:
        return Offset(len(self.messages))

    @property
    def now_us(self) -> int:
        """No later record carries less than this, or as little."""
        return self._now

    def grow(self, steps: int) -> None:
        """Append so many random records."""
        moves: list[tuple[int, Callable[[], None]]] = [
            (12, self.write),
            (1, self.claim),
            (2, self.forgotten_write),
            (2, self.duplicate),
            (1, self.barrier),
            (int(self.stamps), self.stamp),
            (1, self.define),
            (1, self.late_claim),
            (2, self.prepare),
            (2, self.finish),
        ]
        if not self.messages:
            self.claim()
        for _ in range(steps):
            self.dice.choices([move for _, move in moves], [weight for weight, _ in moves])[0]()

    def claim(self) -> None:
        """A new leader takes over; the old one may go on writing."""
        if self.messages:
            self._forgotten.append(Writer(self._leader.lane))
        lane = self.positions[-1].lane()
        claimed = replace(
            lane, epoch=Epoch(lane.epoch + 1), writer=WriterId(self.dice.getrandbits(64)), seq=Seq(0), chain=lane.chain
        )
        raw = encode_envelope(
            Kind.CLAIM,
            self.log_id,
            OWN_LANE,
            claimed.epoch,
            claimed.writer,
            Seq(0),
            lane.chain,
            TimestampUs(self._tick()),
            fingerprint(CLAIM),
            encode_claim("node"),
        )
        self._leader = Writer(replace(claimed, chain=chain_after(lane.chain, raw)))
        self._accepted(raw)

    def write(self) -> None:
        """A group commit of one to four effects."""
        items = dict(self.states[-1])
        effects = [self._effect(items) for _ in range(self.dice.randint(1, 4))]
        raw = self._leader.record(
            self.log_id, Kind.EFFECT, max(e.timestamp_us for e in effects), encode_effects(effects), EFFECTS
        )
        self.effects += [(self.end, effect) for effect in effects]
        self._accepted(raw, items)

    def prepare(self) -> None:
        """A partition gets ready for its part in a transaction."""
        prepared_us, items = TimestampUs(self._tick()), dict(self.states[-1])
        keys = [key for key in _KEYS if key not in self._locked()][: self.dice.randint(1, 3)]
        if not keys:
            return
        effects = (_random_effect(self.dice, key, items.get(key), prepared_us) for key in keys[1:])
        txid = self.dice.randbytes(8)
        begun = Preparation(txid, (self.log_id, LogId(99)), "token", prepared_us, tuple(effects), (keys[0],))
        self._open.append(begun)
        raw = self._leader.record(self.log_id, Kind.PREPARE, prepared_us, encode_preparation(begun), PREPARE)
        before = self.positions[-1].prepares
        self._accepted(raw, prepares=(*before, OpenPrepare(txid, prepared_us, raw)))

    def finish(self) -> None:
        """What became of a transaction arrives; other partitions may have given a commit far later timestamps."""
        if not self._open:
            return
        begun = self._open.pop(self.dice.randrange(len(self._open)))
        left = tuple(one for one in self.positions[-1].prepares if one.txid != begun.txid)
        if self.dice.random() < 0.3:
            raw = encode_abort(Abort(begun.txid, begun.prepared_us))
            self._accepted(self._leader.record(self.log_id, Kind.ABORT, self._tick(), raw, ABORT), prepares=left)
            return
        commit_us = TimestampUs(begun.prepared_us + self.dice.choice([0, 1, 40]))
        self._now = max(self._now, commit_us)
        effects = tuple(replace(effect, timestamp_us=commit_us) for effect in begun.effects)
        items = dict(self.states[-1])
        for effect in effects:
            _change(items, effect)
            self._newest[effect.key] = commit_us
        self.effects += [(self.end, effect) for effect in effects]
        payload = encode_commit(Commit(begun.txid, begun.prepared_us, commit_us, effects))
        raw = self._leader.record(self.log_id, Kind.COMMIT, self._tick(), payload, COMMIT)
        self._accepted(raw, items, prepares=left)

    def define(self, *, expiring: bool | None = None) -> None:
        """Have the views order items by an expiry, which every item has, or not; unless told, some definitions do."""
        if expiring is None:
            expiring = self.dice.random() < 0.5
        definition = b'{"revision":%d%b}' % (self._tick(), b',"ttl_attribute":"v"' if expiring else b"")
        raw = self._leader.record(self.log_id, Kind.DEFINE, self._now, encode_define(definition), DEFINE)
        self._accepted(raw, definition=definition)

    def barrier(self) -> None:
        self._accepted(self._leader.record(self.log_id, Kind.BARRIER, self._tick(), b"", None))

    def mark(self, offset: int) -> Mark:
        """What everything below an offset comes to."""
        position = self.positions[offset]
        return Mark(Offset(offset), position.digest, position.items, position.item_bytes)

    def stamp(self, mark: Mark | None = None) -> None:
        """The leader tells what its view came to, not long ago unless told."""
        mark = mark or self.mark(max(offset for offset in range(self.end + 1) if is_marked(Offset(offset))))
        self._accepted(self._leader.record(self.log_id, Kind.BARRIER, self._tick(), encode_stamp(mark), STAMP))

    def begin_with_base(self, base: Base, items: Items) -> None:
        """Claim, Base, Define: how a restored table's log starts."""
        self._now = max(self._now, base.timestamp_us)
        self.claim()
        self.base_items = dict(items)
        raw = self._leader.record(self.log_id, Kind.BASE, self._tick(), encode_base(base), BASE)
        self._accepted(raw, dict(items))
        self.define()

    def forgotten_write(self) -> None:
        """A leader that was fenced goes on writing, not knowing."""
        if self._forgotten:
            writer = self.dice.choice(self._forgotten)
            effects = [self._effect(dict(self.states[-1]))]
            self._ignored(
                writer.record(self.log_id, Kind.EFFECT, effects[0].timestamp_us, encode_effects(effects), EFFECTS)
            )

    def duplicate(self) -> None:
        """A producer's retry puts an old message into the log again."""
        self._ignored(self.dice.choice(self.messages).data)

    def late_claim(self) -> None:
        """A claim of an epoch that is not new."""
        epoch = self.positions[-1].lane().epoch
        self._ignored(
            encode_envelope(
                Kind.CLAIM,
                self.log_id,
                OWN_LANE,
                Epoch(self.dice.randint(1, epoch)),
                WriterId(7),
                Seq(0),
                0,
                TimestampUs(self._tick()),
                fingerprint(CLAIM),
                encode_claim("late"),
            )
        )

    def at(self, timestamp_us: int) -> Items:
        """The model: all effects up to an instant, in log order."""
        items = dict(self.base_items)
        for _, effect in self.effects:
            if effect.timestamp_us <= timestamp_us:
                _change(items, effect)
        return items

    def _locked(self) -> set[bytes]:
        return {key for begun in self._open for key in begun.keys}

    def _effect(self, items: Items) -> Effect:
        key = self.dice.choice([key for key in _KEYS if key not in self._locked()] or [b"key"])
        timestamp_us = self._tick()
        if self.out_of_order and self.dice.random() < 0.3:
            # An open transaction got its timestamp a while ago. Per item, timestamps rise all the same.
            timestamp_us = self.dice.randint(max(self._newest.get(key, 0) + 1, timestamp_us - 20), timestamp_us)
        self._newest[key] = timestamp_us
        effect = _random_effect(self.dice, key, items.get(key), TimestampUs(timestamp_us))
        _change(items, effect)
        return effect

    def _tick(self) -> int:
        self._now += self.dice.randint(1, 10)
        return self._now

    def _accepted(
        self,
        raw: bytes,
        items: Items | None = None,
        definition: bytes | None = None,
        prepares: tuple[OpenPrepare, ...] | None = None,
    ) -> None:
        before = self.positions[-1]
        items = dict(self.states[-1]) if items is None else items
        timestamp_us = TimestampUs(max(before.timestamp_us, decode_envelope(raw).timestamp_us))
        prepares = before.prepares if prepares is None else prepares
        after = replace(
            before,
            lanes={OWN_LANE: self._leader.lane},
            timestamp_us=timestamp_us,
            closed_us=TimestampUs(min([timestamp_us, *(one.prepared_us - 1 for one in prepares)])),
            definition=before.definition if definition is None else definition,
            prepares=prepares,
        )
        self._append(raw, items, position_of(items, after))

    def _ignored(self, raw: bytes) -> None:
        self._append(raw, self.states[-1], self.positions[-1])

    def _append(self, raw: bytes, items: Items, position: LogPosition) -> None:
        self.messages.append(LogMessage(self.end, raw))
        self.positions.append(replace(position, next_offset=self.end))
        self.states.append(items)


_KEYS = [b"key-%d" % number for number in range(6)]


def _random_effect(dice: random.Random, key: bytes, old: StoredItem | None, timestamp_us: TimestampUs) -> Effect:
    new = None if old is not None and dice.random() < 0.3 else b'{"v":{"N":"%d"}}' % dice.getrandbits(30)
    return Effect(key, None if old is None else old.image, new, timestamp_us)


def _change(items: Items, effect: Effect) -> None:
    if effect.new is None:
        items.pop(effect.key, None)
    else:
        items[effect.key] = StoredItem(effect.timestamp_us, effect.new)
