"""Derived rows: what a view keeps beside its items so that a stretch of them can be read in another order.

    local index   01 | number of the index | local index key (`model/key_order.py`)
    expiry        02 | second it is due, 8 bytes, big-endian | H128(the item's key)

A row leads to its item and says nothing else. Which rows there are is a pure function of the items and a `LocalLayout`, so a
view that writes both in one transaction can never show one without the other. The bytes lie in views only, never in the log;
whoever changes them changes `FORMAT` in `codec/view_values.py` too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stator.model.item import decode_image
from stator.model.key_order import after_prefix, hash128, key_bytes, local_index_key
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


def row_keys(layout: LocalLayout, item_key: bytes, image: bytes | None) -> frozenset[bytes]:
    """The rows that lead to an item. One without an index's sort key, or without an expiry, simply has no such row."""
    if image is None or layout == NO_ROWS:
        return frozenset()
    item = decode_image(image)
    rows = {
        local_rows(number) + local_index_key(item[attribute.name], item_key)
        for number, attribute in enumerate(layout.sort_keys)
        if _is_sort_key(item.get(attribute.name, {}), attribute)
    }
    if layout.expiry_attribute:
        due_s = expires_at_s(item, layout.expiry_attribute)
        if due_s is not None:
            rows.add(_EXPIRY + due_s.to_bytes(_SECOND_BYTES, "big") + hash128(item_key))
    return frozenset(rows)


def local_rows(number: int) -> bytes:
    """What all rows of a local index begin with; behind it they are in the order of local index keys."""
    return _LOCAL_INDEX + bytes([number])


def expiry_rows(first_s: int, last_s: int) -> Span:
    """The rows of all items that are due from one second to another, both included, in the order in which they are due."""
    low, last = (_EXPIRY + second.to_bytes(_SECOND_BYTES, "big") for second in (first_s, last_s))
    return Span(low, after_prefix(last))


def _is_sort_key(value: Mapping[str, Any], attribute: KeyAttribute) -> bool:
    # Writes are checked before they are logged; but a row that no view can hold would stop every view of the log.
    return attribute.type in value and 0 < len(key_bytes(value)) <= RANGE_BYTES_MAX
