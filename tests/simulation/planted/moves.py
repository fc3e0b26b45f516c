"""Bugs of how leadership is handed on: R11 and R12."""

from math import inf
from typing import Any

from services.leader import leadership, lease, moves
from stator.model.records import Kind
from stator.rules.lease import Before, passed
from tests.simulation.planting import Patch, plant


@plant("R11", seen_at=47)
def releases_before_it_is_ready(patch: Patch) -> None:
    """Who has just been made leader, and still waits for the lease of the one before, releases at once (R11)."""
    hand_on = leadership.Leadership._hand_on

    async def hastily(self: Any) -> Any:
        self._lease._ready_at = -inf
        return await hand_on(self)

    patch.setattr(leadership.Leadership, "_hand_on", hastily)


@plant("R9", seen_at=47)
def any_release_will_do(patch: Patch) -> None:
    """Once a log has nobody to wait for, by a Release or at its beginning, no leader ever waits again (R9)."""

    def forever(before: Before, kind: Kind, *, ours: bool) -> Before:
        return Before.NOBODY if before is Before.NOBODY else passed(before, kind, ours=ours)

    patch.setattr(lease, "passed", forever)


@plant("R12")
def nobody_hands_over(patch: Patch) -> None:
    """Whoever leads goes on, whoever asks (R12)."""
    patch.setattr(moves.Moves, "_agrees", lambda _self, _request, _partition: False)
