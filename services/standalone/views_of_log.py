"""Views that fit to the log beside them. One that has folded more than the log holds belongs to another state of it: a copy of the
directory made while a server ran has such, if its log was copied first. It would wait for records that never come, and claim by a
chain that this log does not have, which damages it for good. So it comes back empty, and is made anew.
"""

from collections.abc import Callable

import structlog

from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.view import Views, ViewWriter

_log = structlog.get_logger()


class ViewsOfLog:
    """`Views` over others. `end`: where a log ends, for certain; it raises LogError for one that is gone."""

    def __init__(self, views: Views, end: Callable[[LogId], Offset]) -> None:
        self._views = views
        self._end = end
        self._fitting: set[int] = set()

    def open(self, log_id: int) -> ViewWriter:
        """See `Views.open`."""
        view = self._views.open(log_id)
        if log_id not in self._fitting and self._is_ahead(log_id, view):
            _log.warning("view_discarded", log_id=log_id, reason="it is ahead of its log: that is an older one")
            view.discard()
        self._fitting.add(log_id)  # from now on it holds nothing but what it was given from this log
        return view

    def _is_ahead(self, log_id: int, view: ViewWriter) -> bool:
        try:
            return view.position.next_offset > self._end(LogId(log_id))
        except LogError:
            return False

    def drop(self, log_id: int) -> None:
        """See `Views.drop`."""
        self._views.drop(log_id)

    def close(self) -> None:
        """See `Views.close`."""
        self._views.close()
