"""The directory of a standalone server that is gone: do its views, brought to the end of the log, hold what the log says?

The log is folded twice: into the views as they lie there, and into empty ones. Only what the views held before can differ.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from stator.adapters.log_lmdb import LmdbLog
from stator.adapters.view_lmdb import LmdbViews
from stator.adapters.view_memory import MemoryViews
from stator.model.positions import LogId, Offset
from stator.ports.view import Views
from stator.runtime.replica import Replica


def views_that_are_no_fold(directory: Path) -> Iterator[str]:
    """What is wrong with the views of each log; also an error that nothing was compared."""
    for log_id, stood_at, differing in asyncio.run(_compare(directory)):
        if differing:
            yield f"view of log {log_id}, which stood at {stood_at}, differs from the fold: {differing}"


async def _compare(directory: Path) -> list[tuple[LogId, Offset, str]]:
    log, views = LmdbLog(directory), LmdbViews(directory / "views")
    found = []
    try:
        for log_id in await log.list():
            stood_at = views.open(log_id).position.next_offset
            kept, fresh = await _folded(log, log_id, views), await _folded(log, log_id, MemoryViews())
            found.append((log_id, stood_at, _difference(kept, fresh)))
    finally:
        views.close()
        await log.close()
    assert any(stood_at for _, stood_at, _ in found), "there is no view that had folded anything"
    return found


async def _folded(log: LmdbLog, log_id: LogId, views: Views) -> Replica:
    replica = Replica(log, log_id, views.open(log_id), _no_base)
    following = asyncio.create_task(replica.run())
    await replica.reached(await log.end(log_id))
    following.cancel()
    await asyncio.wait([following])
    return replica


def _difference(kept: Replica, fresh: Replica) -> str:
    if kept.position != fresh.position:
        return f"{kept.position} and not {fresh.position}"
    items, wanted = (dict(replica.view.scan(b"", None)) for replica in (kept, fresh))
    wrong = [key for key in items.keys() | wanted.keys() if items.get(key) != wanted.get(key)]
    return f"{len(wrong)} items, {wrong[0]!r} first" if wrong else ""


async def _no_base(*_: object) -> None:
    raise AssertionError("no table of these tests was restored")
