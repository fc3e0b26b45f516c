"""Who should hold what: rendezvous hashing, so that every process computes the same answer from the same list of nodes, and
a node that comes or goes moves only its own share. Always a hint; the log decides who leads (protocol R12).
"""

from collections.abc import Iterable
from hashlib import blake2b

from stator.model.positions import LogId

COPIES = 2
"""Warm leader views of a partition, and materialized views of it, each on different processes."""


def preference(log_id: LogId, nodes: Iterable[str]) -> list[str]:
    """The nodes in the order in which they should hold the log's partition."""
    return sorted(
        nodes, key=lambda node: (blake2b(f"{log_id}/{node}".encode(), digest_size=8).digest(), node), reverse=True
    )


def holders(log_id: LogId, nodes: Iterable[str]) -> list[str]:
    """The nodes that should keep a view of the partition, best first."""
    return preference(log_id, nodes)[:COPIES]
