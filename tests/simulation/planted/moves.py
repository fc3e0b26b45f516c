"""Bugs of how leadership is handed on."""

from services.leader import moves
from tests.simulation.planting import Patch, plant


@plant("R12")
def nobody_hands_over(patch: Patch) -> None:
    """Whoever leads goes on, whoever asks (R12)."""
    patch.setattr(moves.Moves, "_agrees", lambda _self, _request, _partition: False)
