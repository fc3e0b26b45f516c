"""Which stretches of which logs a scan reads, in order: a segment is a range of tokens, whatever the partitions are.

So the segments of any one total are the table, each item in one of them, also while partitions are split or move.
"""

from collections.abc import Iterator
from typing import NamedTuple

from stator.model.errors import ValidationError
from stator.model.key_order import TOKEN_BYTES, TOKENS, token
from stator.model.positions import LogId
from stator.model.tables import Partition
from stator.rules.key_spans import Span, after_key


class Segment(NamedTuple):
    """The `number`th of `total` equal parts of all tokens; the only one unless a request says otherwise."""

    number: int = 0
    total: int = 1

    @property
    def first_token(self) -> int:
        """The least token of the segment."""
        return TOKENS * self.number // self.total

    @property
    def end_token(self) -> int:
        """The token behind its greatest."""
        return TOKENS * (self.number + 1) // self.total


def segment_of(number: int | None, total: int | None) -> Segment:
    """The segment that a request's Segment and TotalSegments name. Raises ValidationError."""
    if number is None and total is None:
        return Segment()
    if total is None:
        raise ValidationError(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"
        )
    if number is None:
        raise ValidationError(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"
        )
    if number >= total:
        raise ValidationError(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments:"
            f" Segment: {number} is not less than TotalSegments: {total}"
        )
    return Segment(number, total)


def check_within(segment: Segment, row_key: bytes) -> None:
    """A scan goes on in the segment in which it began. Raises ValidationError."""
    if not segment.first_token <= token(row_key) < segment.end_token:
        raise ValidationError(
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct"
            f" Segment. TotalSegments: {segment.total} Segment: {segment.number}"
        )


def stretches(partitions: tuple[Partition, ...], segment: Segment, start: bytes | None) -> Iterator[tuple[LogId, Span]]:
    """The logs to read, in the order of tokens, and which rows of each: those of the segment behind the row `start`."""
    first_token = segment.first_token if start is None else token(start)
    for partition in partitions:
        low = max(partition.first_token, first_token)
        end = min(partition.last_token + 1, segment.end_token)
        if low < end:
            span = Span(_row_of(low), _row_of(end) if end < TOKENS else None)
            if start is not None and low == first_token:
                span = after_key(span, start, reverse=False)
            yield partition.log_id, span


def _row_of(first_token: int) -> bytes:
    """What is not greater than any row of a token."""
    return first_token.to_bytes(TOKEN_BYTES, "big")
