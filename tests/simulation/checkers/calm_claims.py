"""CalmClaims: while all that is wrong is that a log takes long, it is not claimed again and again."""

from collections import Counter
from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.positions import LogId, Offset
from stator.model.records import Kind
from tests.simulation.accepted import accepted

LASTS_S = 20.0
"""How long it takes long: many times what an append takes then."""
CLAIMS_MAX = 4
"""Until its leader knows, a doubt or two, each with a Claim and one more that was sent before the first was read."""


def ends(store: MemoryLogStore) -> dict[LogId, Offset]:
    """Where the logs end now."""
    return {log_id: store.end(log_id) for log_id in store.ids()}


def check(store: MemoryLogStore, before: dict[LogId, Offset]) -> Iterator[str]:
    """What has been claimed too often since the logs ended as `before`."""
    for log_id in sorted(before.keys() & store.ids()):  # one may have been deleted meanwhile
        since = [one.record for one in accepted(store, log_id) if one.offset >= before[log_id]]
        claims = Counter(record.lane for record in since if record.kind is Kind.CLAIM)
        for lane, count in claims.items():
            if count > CLAIMS_MAX:
                yield f"log {log_id} lane {lane} was claimed {count} times within {LASTS_S:.0f} s"
