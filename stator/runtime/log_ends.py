"""Where logs end, asked for many at a time, and since when somebody has been behind that. What cannot be had is left out."""

import asyncio
from collections.abc import Iterable

from stator.codec.log_records import decode_envelope
from stator.model.errors import DamagedDataError, LogError
from stator.model.positions import LogId, Offset, TimestampUs
from stator.ports.log import LogSource
from stator.rules.status import Spot

ASKED_AT_ONCE = 16
READ_AT_MOST = 16
"""Records that are looked at to tell how long somebody has been behind. When everybody is, all of Kafka has other things to do."""


async def ends_of(log: LogSource, log_ids: Iterable[LogId], patience_s: float) -> dict[LogId, Offset]:
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


async def times_at(log: LogSource, spots: Iterable[Spot], patience_s: float) -> dict[Spot, TimestampUs]:
    """The timestamps of the records at these places, of the first few of them, as far as they can be read within `patience_s`."""
    times: dict[Spot, TimestampUs] = {}

    async def look(spot: Spot) -> None:
        reader = log.read(*spot)
        try:
            messages = await reader.read()
            times[spot] = decode_envelope(messages[0].data).timestamp_us
        except (LogError, DamagedDataError):  # trimmed, away, or something that others complain of
            pass
        finally:
            reader.close()

    try:
        async with asyncio.timeout(patience_s):
            await asyncio.gather(*(look(spot) for spot in list(dict.fromkeys(spots))[:READ_AT_MOST]))
    except TimeoutError:
        pass
    return times
