"""Bugs of how leadership is handed on: R9 and R12."""

from services.leader import lease, moves
from stator.model.records import Kind
from stator.rules.lease import Before, passed
from tests.simulation.planting import Patch, plant


@plant("R9", seen_at=42)
def any_release_will_do(patch: Patch) -> None:
    """Once a log has nobody to wait for, by a Release or at its beginning, no leader ever waits again (R9)."""

    def forever(before: Before, kind: Kind, *, ours: bool) -> Before:
        return Before.NOBODY if before is Before.NOBODY else passed(before, kind, ours=ours)

    patch.setattr(lease, "passed", forever)


@plant("R12")
def nobody_hands_over(patch: Patch) -> None:
    """Whoever leads goes on, whoever asks (R12)."""
    patch.setattr(moves.Moves, "_agrees", lambda _self, _request, _partition: False)
