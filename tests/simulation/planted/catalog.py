"""Bugs of tables' definitions and of restores: R14."""

from typing import Any

from services.leader import write_path
from services.restore import restore_tables
from tests.simulation.planting import Patch, plant


@plant("restore", seen_at=179)
def bases_say_where_they_were(patch: Patch) -> None:
    """A restore begun again writes another object under the same name. Found before it was planted."""
    patch.setattr(restore_tables, "_totals", lambda _origin, position: position)


@plant("R14")
def definitions_as_they_come(patch: Patch) -> None:
    """A leader appends whatever definition it is sent, late and twice."""
    define = write_path.WritePath._define

    def obedient(self: Any, waiting: Any, wanted: Any) -> None:
        self._revision = -1
        define(self, waiting, wanted)

    patch.setattr(write_path.WritePath, "_define", obedient)
