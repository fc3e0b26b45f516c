"""Which stretch of a view a query looks at: key conditions as ranges of stored keys."""

from typing import NamedTuple

from stator.expressions.key_conditions import KeyRange
from stator.model.key_order import after_prefix, grouped, grouped_prefix, hash128, key_bytes


class Span(NamedTuple):
    """Stored keys from `low` up to, not including, `high` (None: to the end)."""

    low: bytes
    high: bytes | None


def span_of(asked: KeyRange, *, index: bool) -> Span:
    """The span of a key condition, in a table's view or in an index's."""
    prefix = hash128(key_bytes(asked.partition))
    whole = Span(prefix, after_prefix(prefix))
    if asked.sort is None:
        return whole
    first = prefix + _encoded(key_bytes(asked.sort.values[0]), index=index)
    match asked.sort.operator:
        case "=":
            return Span(first, _after(first, index=index))
        case "<":
            return Span(whole.low, first)
        case "<=":
            return Span(whole.low, _after(first, index=index))
        case ">":
            return Span(_after(first, index=index), whole.high)
        case ">=":
            return Span(first, whole.high)
        case "BETWEEN":
            last = prefix + _encoded(key_bytes(asked.sort.values[1]), index=index)
            return Span(first, _after(last, index=index))
        case "begins_with":
            # In an index shorter values are padded with zeros, so what `first` begins with is not enough of a lower bound.
            raw = key_bytes(asked.sort.values[0])
            return Span(first, after_prefix(prefix + (grouped_prefix(raw) if index else raw)))


def after_key(span: Span, key: bytes, *, reverse: bool) -> Span:
    """What is left of a span behind the row `key`, in reading direction."""
    if reverse:
        return Span(span.low, key)
    return Span(key + b"\0", span.high)


def contains(span: Span, key: bytes) -> bool:
    """Whether a row lies in the span."""
    return span.low <= key and (span.high is None or key < span.high)


def _encoded(raw: bytes, *, index: bool) -> bytes:
    return grouped(raw) if index else raw


def _after(key: bytes, *, index: bool) -> bytes:
    # In an index many rows share a sort key: all that begin with it. In a table exactly one does.
    if not index:
        return key + b"\0"
    after = after_prefix(key)
    assert after is not None, "a grouped key never ends in 0xFF only"
    return after
