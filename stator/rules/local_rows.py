"""Derived rows: what a view keeps beside its items so that a stretch of them can be read in another order.

    local index   01 | number of the index | local index key (`model/key_order.py`)
    expiry        02 | second it is due, 8 bytes, big-endian | H128(the item's key)

A row leads to its item and says nothing else. Which rows there are is a pure function of the items and a `LocalLayout`, so a
view that writes both in one transaction can never show one without the other. The bytes lie in views only, never in the log;
whoever changes them changes `FORMAT` in `codec/view_values.py` too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from stator.model.attributes import AttributeValue, size_of
from stator.model.item import Item, decode_image
from stator.model.key_order import after_prefix, hash128, local_index_key
from stator.model.tables import KeyAttribute
from stator.rules.expiry import expires_at_s
from stator.rules.key_checks import RANGE_BYTES_MAX
from stator.rules.key_spans import Span

_LOCAL_INDEX = b"\x01"
_EXPIRY = b"\x02"

_SECOND_BYTES = 8


@dataclass(frozen=True, slots=True)
class LocalLayout:
    """Which rows a table's items have: of each local secondary index by number, and by expiry ("" if nothing expires)."""

    sort_keys: tuple[KeyAttribute, ...] = ()
    expiry_attribute: str = ""


NO_ROWS = LocalLayout()


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The layout in force in a view, and those before it of which rows may be left.

    As long as there are any, items that nobody changed meanwhile may lack rows of the new layout, and have rows of the old.
    """

    layout: LocalLayout = NO_ROWS
    replaced: tuple[LocalLayout, ...] = ()

    @property
    def derived(self) -> bool:
        """Whether the rows are exactly those of the layout in force."""
        return not self.replaced

    def followed_by(self, layout: LocalLayout) -> "LaidOut":
        """With another layout in force."""
        if layout == self.layout:
            return self
        return LaidOut(layout, tuple(dict.fromkeys((*self.replaced, self.layout))))


class RowMoves(NamedTuple):
    """The rows of one item that go, and those that come, when its image changes."""

    gone: frozenset[bytes]
    come: frozenset[bytes]


_NO_MOVES = RowMoves(frozenset(), frozenset())


def row_moves(laid: LaidOut, item_key: bytes, before: bytes | None, after: bytes | None) -> RowMoves:
    """What a new image (None: no item) under a key does to the rows that lead there; nothing, where it changes no sort key.

    An item without an index's sort key, or without an expiry, has no such row.
    """
    moves = _moves(laid.layout, item_key, before, after)
    if laid.derived or before is None:
        return moves
    return RowMoves(
        moves.gone | _left_over(laid, item_key, before) - row_keys(laid.layout, item_key, after), moves.come
    )


def rows_due(laid: LaidOut, item_key: bytes, image: bytes) -> RowMoves:
    """What brings the rows of an item that nobody changes to the layout in force."""
    come = row_keys(laid.layout, item_key, image)
    return RowMoves(_left_over(laid, item_key, image) - come, come)


def row_keys(layout: LocalLayout, item_key: bytes, image: bytes | None) -> frozenset[bytes]:
    """All rows of a layout that lead to an item."""
    return _moves(layout, item_key, None, image).come


def _left_over(laid: LaidOut, item_key: bytes, image: bytes) -> frozenset[bytes]:
    return frozenset[bytes]().union(*(row_keys(layout, item_key, image) for layout in laid.replaced))


def _moves(layout: LocalLayout, item_key: bytes, before: bytes | None, after: bytes | None) -> RowMoves:
    if layout == NO_ROWS:
        return _NO_MOVES
    old: Item = {} if before is None else decode_image(before)
    new: Item = {} if after is None else decode_image(after)
    gone: set[bytes] = set()
    come: set[bytes] = set()
    for number, attribute in enumerate(layout.sort_keys):
        was, now = old.get(attribute.name), new.get(attribute.name)
        if was != now:
            gone.update(_local_row(number, attribute, was, item_key))
            come.update(_local_row(number, attribute, now, item_key))
    if layout.expiry_attribute:
        gone.update(_expiry_row(old, layout.expiry_attribute, item_key))
        come.update(_expiry_row(new, layout.expiry_attribute, item_key))
    return RowMoves(frozenset(gone - come), frozenset(come - gone))


def local_rows(number: int) -> bytes:
    """What all rows of a local index begin with; behind it they are in the order of local index keys."""
    return _LOCAL_INDEX + bytes([number])


def expiry_rows(first_s: int, last_s: int) -> Span:
    """The rows of all items that are due from one second to another, both included, in the order in which they are due."""
    low, last = (_EXPIRY + second.to_bytes(_SECOND_BYTES, "big") for second in (first_s, last_s))
    return Span(low, after_prefix(last))


def _local_row(number: int, attribute: KeyAttribute, sort: AttributeValue | None, item_key: bytes) -> Iterator[bytes]:
    # Writes are checked before they are logged; but a row that no view can hold would stop every view of the log.
    if sort is not None and attribute.type in sort and 0 < size_of(sort) <= RANGE_BYTES_MAX:
        yield local_rows(number) + local_index_key(sort, item_key)


def _expiry_row(item: Item, attribute: str, item_key: bytes) -> Iterator[bytes]:
    due_s = expires_at_s(item, attribute)
    if due_s is not None:
        yield _EXPIRY + due_s.to_bytes(_SECOND_BYTES, "big") + hash128(item_key)
