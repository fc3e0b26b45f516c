"""Disks that forget in silence: a view loses an item, or comes to believe in another total, and nobody is told."""

from random import Random

from msgspec.structs import replace

from stator.adapters.view_memory import MemoryView
from stator.codec.log_records import decode_stamp
from stator.model.positions import LogId, LogPosition, Offset
from stator.model.records import Kind
from stator.ports.view import Change
from stator.runtime.replica import Replica
from tests.simulation.accepted import accepted, fold
from tests.simulation.checkers.view_equals_fold import replicas
from tests.simulation.cluster import Cluster

EVENTS = frozenset({"replica_diverged", "replica_damaged", "stamp_disputed", "snapshot_passed_over"})
"""What services say of it, as an error. Where nothing rots they must not."""


class Rot:
    """Strikes views. Until it has to be noticed, a view that was struck may be wrong."""

    def __init__(self, cluster: Cluster, dice: Random) -> None:
        self.struck = 0
        self._cluster = cluster
        self._dice = dice
        self._lost: set[tuple[str, LogId]] = set()
        self._deceived: dict[tuple[str, LogId], Offset] = {}

    def strike(self) -> str:
        """Spoil a view; what was done, for the trace. Only what answers eventual reads loses items: a leader that decided on what
        it does not have would be believed, since what it decides is what the log says.
        """
        views = [(name, one) for name, one in replicas(self._cluster) if one.trusted and any(one.view.scan(b"", None))]
        if not views:
            return "found nothing"
        self.struck += 1
        name, replica = self._dice.choice(views)
        view, at = replica.view, (name, replica.log_id)
        if name.startswith("materializer") and self._dice.random() < 0.5:
            self._lost.add(at)
            key = self._dice.choice([key for key, _ in view.scan(b"", None)])
            _spoil(replica, [Change(key, None)], view.position)
            return f"{at} lost an item"
        self._deceived[at] = view.position.next_offset
        digest = view.position.digest ^ 1 << self._dice.randrange(128)
        _spoil(replica, [], replace(view.position, digest=digest))
        return f"{at} believes something else from {view.position.next_offset} on"

    def healed(self) -> None:
        """From now on everything must be right."""
        self._lost.clear()
        self._deceived.clear()

    def excuses(self, name: str, replica: Replica) -> bool:
        """Whether a view may be wrong: it was struck, and no stamp that it has passed could have told it."""
        at = (name, replica.log_id)
        if at in self._lost or not replica.trusted or replica.log_id not in self._cluster.store.ids():
            return True
        since = self._deceived.get(at)
        return since is not None and not self._was_told(replica, since)

    def _was_told(self, replica: Replica, since: Offset) -> bool:
        store, objects = self._cluster.store, self._cluster.archive_objects
        for entry in accepted(store, replica.log_id, replica.position.next_offset):
            stamp = decode_stamp(entry.record) if entry.record.kind is Kind.BARRIER else None
            if stamp is not None and stamp.offset > since:
                true = fold(store, objects, replica.log_id, stamp.offset)
                if stamp.digest == true.digest:  # and not that of a leader that was struck itself
                    return True
        return False


def _spoil(replica: Replica, changes: list[Change], position: LogPosition) -> None:
    assert isinstance(replica.view, MemoryView)
    MemoryView.apply(replica.view, changes, position)  # whatever `disk.py` makes of a commit: this is none
