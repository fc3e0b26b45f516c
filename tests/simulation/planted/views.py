"""Bugs of how views are checked: R16."""

from typing import Any

from stator.runtime import marks, replica, view_sweep
from tests.simulation.planting import Patch, plant


@plant("R16", seen_at=9)
def stamps_pass_unread(patch: Patch) -> None:
    """Nobody compares what the log says of a view with the view."""
    patch.setattr(marks.Marks, "compare", lambda _self, _offset, _record: "")


@plant("R16", seen_at=6)
def views_are_not_added_up(patch: Patch) -> None:
    """What a view holds is never compared with what it believes to hold."""

    async def sweep(self: Any, replica: Any) -> None:
        """Believe it."""

    patch.setattr(view_sweep.ViewSweep, "sweep", sweep)


@plant("R16", seen_at=29)
def a_view_made_anew_yields_to_a_stamp(patch: Patch) -> None:
    """One leader whose view is wrong stops all the others. Found before it was planted."""

    def contradicted(self: Any, _record: Any, how: str) -> None:
        raise replica.DivergedError(how)

    patch.setattr(replica.Replica, "_contradicted", contradicted)
