"""Writes what this leader's view comes to into the log, where everybody who folds it compares (rules/stamps.py)."""

from stator.codec.log_records import STAMP, encode_stamp, fingerprint
from stator.model.positions import Offset
from stator.model.records import Kind
from stator.ports.view import ViewReader

from .group_commit import GroupCommit


class Stamping:
    """One leadership's. What a predecessor left unstamped is stamped too: stamps that the log has, the view no longer remembers."""

    def __init__(self, view: ViewReader, group: GroupCommit) -> None:
        self._view = view
        self._group = group
        self._sent = Offset(0)

    def look(self) -> None:
        """Send the view's newest mark unless that was done."""
        marks = self._view.position.marks
        if marks and marks[-1].offset > self._sent:
            self._sent = marks[-1].offset
            self._group.special(Kind.BARRIER, fingerprint(STAMP), encode_stamp(marks[-1]), None)
