"""Bugs of who answers a request that comes again: R18."""

from services.leader import repeats, write_path
from services.leader.unmaterialized import Unmaterialized
from tests.simulation.planting import Patch, plant


@plant("R18")
def repeats_are_new(patch: Patch) -> None:
    """A request that comes again is decided again."""
    patch.setattr(repeats.Repeats, "first", lambda _self, _command: None)
    patch.setattr(repeats.Repeats, "to_recall", lambda _self, _commands: {})


@plant("R18")
def repeats_are_known_by_who_carried_them(patch: Patch) -> None:
    """A leader knows what it has under way, and nothing of what its view says of older requests."""
    patch.setattr(repeats.Repeats, "to_recall", lambda _self, _commands: {})


@plant("R18")
def repeats_are_known_once_they_are_done(patch: Patch) -> None:
    """A request that comes again while the first one is on its way into the log is decided again."""
    patch.setattr(Unmaterialized, "carried", lambda _self, _token: None)


@plant("R18", seen_at=35)
def refusals_of_repeats_leave_nothing(patch: Patch) -> None:
    """A request that may have come before is refused, and then its first message comes and is not."""
    patch.setattr(write_path, "comes_again", lambda _command: False)
