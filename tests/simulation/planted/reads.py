"""Bugs of what is shown, and when: R7 and R10."""

from typing import Any

from services.leader import write_path
from stator.rules.commands import Query
from stator.runtime.reads import read_page
from tests.simulation.planting import Patch, plant


@plant("R7")
def refusals_at_once(patch: Patch) -> None:
    """A false condition is answered from what is decided, confirmed or not (R7)."""
    write = write_path.WritePath._write

    def hasty(self: Any, command: Any, future: Any) -> None:
        join = self._group.join
        self._group.join = lambda waiting: waiting.finish(waiting.future)
        try:
            write(self, command, future)
        finally:
            self._group.join = join

    patch.setattr(write_path.WritePath, "_write", hasty)


@plant("R10")
def reads_without_barrier(patch: Patch) -> None:
    """A leader that has not heard of its successor answers strong reads (R10)."""
    patch.setattr(write_path.WritePath, "_read", lambda _self, waiting, *_: waiting.finish(waiting.future))


@plant("R10")
def queries_read_what_is_there(patch: Patch) -> None:
    """A strong query reads the view as it is, though what was confirmed may not be in it yet (R10)."""

    def hasty(self: Any, query: Query, future: Any) -> None:
        read_page(self._view, query, future)

    patch.setattr(write_path.WritePath, "_query", hasty)
