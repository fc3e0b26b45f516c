"""ViewEqualsFold: every view, wherever it stands, holds exactly what the log says up to there, its digest says so, and the rows
that it derives from its items are those of its definition.
"""

from collections.abc import Callable, Iterator

from stator.codec.catalog_entries import layout_of
from stator.codec.log_records import decode_envelope
from stator.model.records import Kind
from stator.runtime.replica import Replica
from tests.simulation.accepted import fold
from tests.simulation.cluster import Cluster


def replicas(cluster: Cluster) -> Iterator[tuple[str, Replica]]:
    """All views that are being kept up, and who keeps them."""
    for name, machine in cluster.machines.items():
        node = machine.node
        if node is None:
            continue
        if node.leaders is not None:
            yield from ((name, replica) for replica in node.leaders.replicas())
        if node.materializer is not None:
            yield from ((name, replica) for replica in node.materializer.replicas.values())


def check(cluster: Cluster, excused: Callable[[str, Replica], bool]) -> Iterator[str]:
    """Views that are not what they should be, but for those that may."""
    for name, replica in replicas(cluster):
        position = replica.position
        if excused(name, replica):
            continue
        if position.next_offset == 0 or replica.log_id not in cluster.store.ids():
            continue  # what it holds is cleared before it is used; or its table was deleted, and nothing is left to compare
        where = f"{name}: view of log {replica.log_id} at {position.next_offset}"
        folded = fold(cluster.store, cluster.archive_objects, replica.log_id, position.next_offset)
        held = {key: (item.timestamp_us, item.image) for key, item in replica.view.scan(b"", None)}
        if held != folded.items:
            wrong = sorted(key for key in held.keys() | folded.items.keys() if held.get(key) != folded.items.get(key))
            yield f"{where} is not the fold: {[(held.get(key), folded.items.get(key)) for key in wrong[:3]]}"
            continue
        if (position.digest, position.items) != (folded.digest, len(held)):
            yield f"{where} has a digest or a count that is not its items'"
        following = next(cluster.store.messages(replica.log_id, position.next_offset), None)
        if following is not None and decode_envelope(following.data).kind is Kind.DEFINE:
            continue  # its layout may be in force already
        layout = layout_of(position.definition)
        wanted = folded.rows(layout)
        rows = {row: key for row, key, _ in replica.view.rows(b"", None)}
        if replica.view.layout != layout or (replica.view.derived and rows != wanted):
            yield f"{where} does not derive the rows of its items: {len(rows.items() ^ wanted.items())} are wrong"
