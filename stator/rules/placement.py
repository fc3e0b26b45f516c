"""Who should hold what: rendezvous hashing, so that every process computes the same answer from the same list of nodes, and
a node that comes or goes moves only its own share. Always a hint; the log decides who leads (protocol R12).
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from stator.model.positions import LogId

COPIES = 2
"""Warm leader views of a partition, and materialized views of it, each on different processes."""


def preference(log_id: LogId, nodes: Iterable[str]) -> list[str]:
    """The nodes in the order in which they should hold the log's partition."""
    return [node for _, node in sorted(((_weight(log_id, node), node) for node in nodes), reverse=True)]


@lru_cache(maxsize=1 << 16)  # every process asks for all logs, several times a second
def _weight(log_id: LogId, node: str) -> bytes:
    return blake2b(f"{log_id}/{node}".encode(), digest_size=8).digest()


def holders(log_id: LogId, nodes: Iterable[str]) -> list[str]:
    """The nodes that should keep a view of the partition, best first."""
    return preference(log_id, nodes)[:COPIES]
