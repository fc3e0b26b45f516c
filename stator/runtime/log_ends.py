"""Where logs end, asked for many at a time. An end is a hint; one that cannot be had is left out."""

import asyncio
from collections.abc import Iterable

from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.log import Log

ASKED_AT_ONCE = 16


async def ends_of(log: Log, log_ids: Iterable[LogId], patience_s: float) -> dict[LogId, Offset]:
    """The ends of these logs, as far as they are known within `patience_s`."""
    ends: dict[LogId, Offset] = {}
    wanted = iter(sorted(set(log_ids)))

    async def ask() -> None:
        for log_id in wanted:
            try:
                ends[log_id] = await log.end(log_id)
            except LogError:  # away, or deleted meanwhile
                continue

    try:
        async with asyncio.timeout(patience_s):
            await asyncio.gather(*(ask() for _ in range(ASKED_AT_ONCE)))
    except TimeoutError:
        pass
    return ends
