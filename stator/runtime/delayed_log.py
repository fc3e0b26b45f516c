"""A log as if every record came later: for views that are to be behind, so that applications can see what stale reads do.

A record is given out once it is as old as the delay, by its timestamp and this process's clock. It never waits longer than the
delay from when it came, however far the clocks of two machines are apart. Nothing is kept in memory but what was read last.
"""

import asyncio
from collections.abc import Sequence

from stator.codec.log_records import decode_envelope
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.clock import Clock
from stator.ports.log import LogReader, LogSource


class DelayedLog:
    """See `LogSource`. The ends that it tells are those of the log."""

    def __init__(self, log: LogSource, clock: Clock, delay_s: float) -> None:
        self._log = log
        self._clock = clock
        self._delay_s = delay_s
        self._waits: dict[LogId, asyncio.Event] = {}

    def read(self, log_id: LogId, start: Offset) -> "DelayedReader":
        """See `LogSource.read`."""
        return DelayedReader(self._log.read(log_id, start), self._clock, self._delay_s, self.waits(log_id))

    async def end(self, log_id: LogId) -> Offset:
        """See `LogSource.end`."""
        return await self._log.end(log_id)

    def waits(self, log_id: LogId) -> asyncio.Event:
        """Set once a reader of the log has given out all that is old enough, and has something that is not."""
        return self._waits.setdefault(log_id, asyncio.Event())

    def forget(self, log_id: LogId) -> None:
        """The log is gone."""
        self._waits.pop(log_id, None)


class DelayedReader:
    """See `LogReader`."""

    def __init__(self, reader: LogReader, clock: Clock, delay_s: float, waits: asyncio.Event) -> None:
        self._reader = reader
        self._clock = clock
        self._delay_s = delay_s
        self._waits = waits
        self._held: list[LogMessage] = []
        self._came_at = 0.0

    async def read(self) -> Sequence[LogMessage]:
        """See `LogReader.read`. Raises DamagedDataError for what is no record, once it is its turn."""
        if not self._held:
            self._held = list(await self._reader.read())
            self._came_at = self._clock.monotonic()
        while not (due := self._due()):
            self._waits.set()
            await self._clock.sleep(self._left_s(self._held[0]))
        self._held = self._held[len(due) :]
        return due

    def _due(self) -> Sequence[LogMessage]:
        """The first messages, as many as are old enough."""
        if self._clock.monotonic() - self._came_at >= self._delay_s:
            return self._held
        for number, message in enumerate(self._held):
            if self._left_s(message) > 0:
                return self._held[:number]
        return self._held

    def _left_s(self, message: LogMessage) -> float:
        """How long the message still has to wait."""
        age_s = (self._clock.now_us() - decode_envelope(message.data).timestamp_us) / 1e6
        here_s = self._clock.monotonic() - self._came_at
        return self._delay_s - max(age_s, here_s)

    def close(self) -> None:
        """See `LogReader.close`."""
        self._reader.close()
