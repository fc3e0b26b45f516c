"""What consumers of a change stream see of one effect. Pure: change topics and the DynamoDB Streams API both ask this.

Not to break: a record is a function of the effect, its place in the log and the table as it was there, and of nothing
else. That makes a record published twice recognisable (same `event_id`) and lets GetRecords agree with the topic.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from stator.model.attributes import equal, item_size
from stator.model.changes import ChangePoint
from stator.model.item import Item, decode_image
from stator.model.positions import Epoch, LogId, Offset, TimestampUs
from stator.model.records import Effect
from stator.model.tables import Table, ViewType

EventName = Literal["INSERT", "MODIFY", "REMOVE"]

TTL_ORIGIN = "ttl"
"""`Effect.origin` of a deletion that the table's time-to-live asked for."""

_SEQUENCE_DIGITS = 27
_SHOWS_BEFORE = frozenset({"NEW_AND_OLD_IMAGES", "OLD_IMAGE"})
_SHOWS_AFTER = frozenset({"NEW_AND_OLD_IMAGES", "NEW_IMAGE"})


def sequence_number(point: ChangePoint) -> str:
    """27 decimal digits that rise strictly along one log, as text and as a number.

    The leading 1 keeps the length when a consumer reads it as a number; DynamoDB's have 21 to 40 digits.
    Source: AWS API reference, "StreamRecord".
    """
    return f"1{point.offset:019d}{point.index:07d}"


def point_at(number: str) -> ChangePoint | None:
    """The inverse of `sequence_number`, or None for what it never gave."""
    if len(number) != _SEQUENCE_DIGITS or not (number.isascii() and number.isdecimal()) or number[0] != "1":
        return None
    return ChangePoint(Offset(int(number[1:20])), int(number[20:]))


@dataclass(frozen=True, slots=True)
class ChangePlace:
    """Where an effect lies: the `index`-th of its log message, counted from 0."""

    log_id: LogId
    epoch: Epoch
    offset: Offset
    index: int

    @property
    def point(self) -> ChangePoint:
        """The point just before it."""
        return ChangePoint(self.offset, self.index)

    @property
    def sequence_number(self) -> str:
        """See `sequence_number`."""
        return sequence_number(self.point)

    @property
    def event_id(self) -> str:
        """32 hexadecimal digits, the same each time the effect is published, unique in the deployment."""
        return blake2b(f"{self.log_id}/{self.offset}/{self.index}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One change of one item. `before` and `after` are images; None: there was no item, or the view type hides it."""

    place: ChangePlace
    table: str
    label: str
    view_type: ViewType
    event_name: EventName
    keys: Item
    before: bytes | None
    after: bytes | None
    timestamp_us: TimestampUs
    size_bytes: int
    expired: bool
    """The item was deleted because its time to live was over, not by a client."""


def change_record(effect: Effect, table: Table, place: ChangePlace) -> ChangeRecord | None:
    """The record that a table's stream carries for an effect; None when it has no stream or the item did not change.

    A set written in another order is no change. `size_bytes` counts the keys and the images shown.
    Source: AWS developer guide, "Change data capture for DynamoDB Streams" and its example records.
    """
    if table.stream is None or effect.old == effect.new:
        return None
    old = None if effect.old is None else decode_image(effect.old)
    new = None if effect.new is None else decode_image(effect.new)
    if old is not None and new is not None and _same(old, new):
        return None
    item = new if new is not None else old
    assert item is not None  # old and new differ
    keys = table.key.key_of(item)
    view_type = table.stream.view_type
    shows_before, shows_after = view_type in _SHOWS_BEFORE, view_type in _SHOWS_AFTER
    return ChangeRecord(
        place=place,
        table=table.name,
        label=table.stream.label,
        view_type=view_type,
        event_name="INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        keys=keys,
        before=effect.old if shows_before else None,
        after=effect.new if shows_after else None,
        timestamp_us=effect.timestamp_us,
        size_bytes=item_size(keys)
        + (item_size(old) if old is not None and shows_before else 0)
        + (item_size(new) if new is not None and shows_after else 0),
        expired=effect.origin == TTL_ORIGIN,
    )


def _same(old: Item, new: Item) -> bool:
    return old.keys() == new.keys() and all(equal(value, new[name]) for name, value in old.items())
