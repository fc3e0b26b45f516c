"""Items of several partitions as they were at one moment: look at all, then look again whether they still are so (protocol R14).

The second looks start only after the last of the first ones has ended. What is unchanged then, and held by no transaction, was so
at every instant in between, hence at a common one. Readers hold nothing themselves, so they are never in each other's way, and
one that finds things moving waits a little and begins anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from stator.model.positions import LogId
from stator.ports.clock import Clock
from stator.rules.transaction_messages import Looks, TransactRead
from stator.rules.transactions import CONFLICT, cancelled, grouped, in_order, unsettled

WAITS_S = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Before each further attempt. An unfinished transaction holds its items for some round trips; one whose coordinator is gone holds
them for seconds, and then the client had better know.
"""


async def read_together(
    sought: Sequence[tuple[LogId, bytes]], look: Callable[[TransactRead], Awaitable[Looks]], clock: Clock
) -> list[bytes | None]:
    """The images of the items (None: no item) under these keys of these logs, in order, as they were at one moment.

    Raises TransactionCanceledError when transactions kept changing or holding some of them, and whatever `look` raises.
    """
    shares = grouped(log_id for log_id, _ in sought)
    keys = {log_id: [sought[place][1] for place in places] for log_id, places in shares.items()}
    moved: list[int] = []
    for wait_s in (0.0, *WAITS_S):
        if wait_s:
            await clock.sleep(wait_s)
        first = await _looks(keys, look, images=True)
        # A single partition has shown all at one moment.
        second = await _looks(keys, look, images=False) if len(keys) > 1 else first
        moved = [shares[log_id][place] for log_id in keys for place in unsettled(first[log_id], second[log_id])]
        if not moved:
            return in_order((shares[log_id], [one.image for one in first[log_id].items]) for log_id in keys)
    raise cancelled(len(sought), dict.fromkeys(moved, CONFLICT))


async def _looks(
    keys: Mapping[LogId, list[bytes]], look: Callable[[TransactRead], Awaitable[Looks]], *, images: bool
) -> dict[LogId, Looks]:
    looks = await asyncio.gather(*(look(TransactRead(log_id, own, images)) for log_id, own in keys.items()))
    return dict(zip(keys, looks, strict=True))
