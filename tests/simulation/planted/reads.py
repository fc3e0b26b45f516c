"""Bugs of what is shown, and when: R7, R10 and R20."""

from typing import Any

from services.leader import lease, write_path
from services.materializer import server as materializer
from stator.rules.commands import Get, Query
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


@plant("R10", seen_at=38)
def reads_without_barrier(patch: Patch) -> None:
    """A leader that has not heard of its successor answers strong reads (R10)."""
    patch.setattr(write_path.WritePath, "_read", lambda _self, waiting, *_: waiting.finish(waiting.future))


@plant("R10")
def queries_read_what_is_there(patch: Patch) -> None:
    """A strong query reads the view as it is, though what was confirmed may not be in it yet (R10)."""

    def hasty(self: Any, query: Query, future: Any) -> None:
        read_page(self._items, query, future)

    patch.setattr(write_path.WritePath, "_query", hasty)


@plant("R20")
def positions_are_ignored(patch: Patch) -> None:
    """A view answers whoever asks, however far that reader has seen the log (R20)."""
    patch.setattr(materializer, "_is_behind", lambda _position, _request: False)


@plant("R20")
def indexes_know_no_sources(patch: Patch) -> None:
    """A view of an index waits for its own log only, and not for what the reader saw of the table's (R20)."""
    is_behind = materializer._is_behind

    def own_log_only(position: Any, request: Any) -> bool:
        return is_behind(position, Get(request.log_id, b"", request.reached))

    patch.setattr(materializer, "_is_behind", own_log_only)


@plant("R20")
def positions_name_what_is_known(patch: Patch) -> None:
    """An answer is told to rest on what the leader's view had, though it shows what is on its way there (R20)."""
    patch.setattr(write_path.WritePath, "_reached", lambda self: self._replica.position.next_offset)


@plant("R9", seen_at=42)
def new_leaders_answer_at_once(patch: Patch) -> None:
    """A leader does not wait for the leases of those before it (R9)."""
    patch.setattr(lease, "ready_at", lambda _before, now, _ready_before: now)


@plant("R9", seen_at=42)
def leases_from_the_report(patch: Patch) -> None:
    """A lease is counted from when its record was confirmed, not from when it was sent (R9)."""
    renew = lease.Lease.renew
    patch.setattr(lease.Lease, "renew", lambda self, _sent_at: renew(self, self._now()))
