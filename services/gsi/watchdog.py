"""Notices that a source makes no progress although its log goes on: seek again, and if that does not help, start anew.

A consumer that has silently died looks like an idle one (faust #175, #523, #629); only the log's end tells them apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.clock import Clock
from stator.ports.log import Log

_log = structlog.get_logger()

LOOK_S = 5.0
NUDGE_S = 10.0
STUCK_S = 30.0


class Places(Protocol):
    """Who knows where this process's sources stand."""

    def places(self) -> Mapping[LogId, Offset]:
        """The next message of each source that is being worked on."""
        ...


class SourcesStuckError(RuntimeError):
    """No progress, nudged or not; a new process may do better."""


@dataclass(slots=True)
class _Seen:
    next_offset: Offset
    since: float


class Watchdog:
    """Looks at all sources of a process."""

    def __init__(self, sources: Places, log: Log, clock: Clock, nudge: Callable[[LogId], None]) -> None:
        """`nudge` is called for a source that stands still; it should read anew from where it is."""
        self._sources = sources
        self._log = log
        self._clock = clock
        self._nudge = nudge
        self._seen: dict[LogId, _Seen] = {}

    async def run(self) -> None:
        """Look for ever. Raises SourcesStuckError when a source has stood still for too long."""
        while True:
            await self._clock.sleep(LOOK_S)
            places = self._sources.places()
            self._seen = {log_id: seen for log_id, seen in self._seen.items() if log_id in places}
            for log_id, next_offset in places.items():
                await self._look(log_id, next_offset)

    async def _look(self, log_id: LogId, next_offset: Offset) -> None:
        now = self._clock.monotonic()
        seen = self._seen.setdefault(log_id, _Seen(next_offset, now))
        try:
            behind = await self._log.end(log_id) - next_offset
        except LogError:
            behind = 0  # Kafka is away: nobody makes progress, and a new process would not either
        if behind <= 0 or seen.next_offset != next_offset:
            self._seen[log_id] = _Seen(next_offset, now)
        elif now - seen.since >= STUCK_S:
            raise SourcesStuckError(f"source {log_id} stands at {next_offset}, {behind} messages behind")
        elif now - seen.since >= NUDGE_S:
            _log.warning("source_stands_still", source=log_id, next_offset=next_offset, behind=behind)
            self._nudge(log_id)
