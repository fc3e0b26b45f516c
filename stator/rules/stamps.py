"""At which offsets all folds of a log take their mark, so that one's can be compared with another's.

The leader writes its own into the log as a Stamp; whoever folds the log and has taken the same mark compares. Which offsets
these are is part of the protocol: views that take theirs elsewhere have nothing to compare.
"""

from collections.abc import Sequence

from stator.model.positions import Mark, Offset

STAMP_EVERY = 1_000
"""Records. A stamp is a record too: this is a thousandth of the log."""
FIRST_STAMP = 16
"""From here to the first thousand each power of two has a mark, so that short logs are checked as well."""
MARKS_MAX = 4
"""Marks that no stamp has told of yet. A leader stamps its newest, so only one that lags by thousands of records needs more."""


def is_marked(offset: Offset) -> bool:
    """Whether what lies below this offset gets a mark."""
    return offset % STAMP_EVERY == 0 or (FIRST_STAMP <= offset < STAMP_EVERY and offset & (offset - 1) == 0)


def with_mark(marks: Sequence[Mark], mark: Mark) -> tuple[Mark, ...]:
    """The marks to keep once another was taken."""
    return (*marks, mark)[-MARKS_MAX:]


def unstamped(marks: Sequence[Mark], stamp: Mark) -> tuple[Mark, ...]:
    """The marks to keep once the log tells of one: those behind it."""
    return tuple(mark for mark in marks if mark.offset > stamp.offset)


def disproved(marks: Sequence[Mark], stamp: Mark) -> Mark | None:
    """The mark taken where the stamp was, if it says something else. One that was not taken proves nothing."""
    return next((mark for mark in marks if mark.offset == stamp.offset and mark != stamp), None)
