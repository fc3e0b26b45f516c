"""A place in one source log, for messages that somebody else's consumer hands out: Faust's, which may lose its place.

After a rebalance Faust seeks to wherever it likes, drops what it had buffered, and may hand out messages from before a
seek after it. So the reader knows itself which message is next: it drops what it had, and asks for a seek when a later one
comes. What it returns has no gaps, whatever it is handed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.clock import Clock

_log = structlog.get_logger()

SETTLE_S = 0.2
"""How long to let messages from before a seek run out: one that comes after it looks like a lost place again."""
UNREAD_BYTES_MAX = 8 * 1024 * 1024
"""What may lie unread before the consumer is asked to hold back."""
REPEATED_MAX = 1000
"""Passing over this many messages one has is cheaper than a seek; more is not."""

Seek = Callable[[LogId, Offset], Awaitable[bool]]
"""Make this the next message handed out; False when that cannot be done now."""

HoldBack = Callable[[LogId, bool], None]
"""Hand out nothing more for now (True), or go on (False)."""


class SourceReader:
    """See `LogReader`. `deliver` is called with what the consumer hands out."""

    def __init__(self, log_id: LogId, start: Offset, clock: Clock, seek: Seek, hold_back: HoldBack) -> None:
        self.log_id = log_id
        self.next_offset = start
        """The message that is to be handed out next."""
        self._clock = clock
        self._seek = seek
        self._hold_back = hold_back
        self._messages: list[LogMessage] = []
        self._unread_bytes = 0
        self._held_back = False
        self._astray = True
        self._woken = asyncio.Event()

    async def read(self) -> Sequence[LogMessage]:
        """See `LogReader.read`."""
        while not self._messages:
            if self._astray:
                await self._find_place()
            else:
                await self._woken.wait()
            self._woken.clear()
        messages, self._messages, self._unread_bytes = self._messages, [], 0
        self._hold(back=False)
        return messages

    async def _find_place(self) -> None:
        await self._clock.sleep(SETTLE_S)
        if self._messages:
            return
        self._astray = False
        if not await self._seek(self.log_id, self.next_offset):
            self._astray = True

    def deliver(self, message: LogMessage) -> None:
        """Take a message if it is the next one."""
        if message.offset == self.next_offset:
            self.next_offset = Offset(message.offset + 1)
            self._messages.append(message)
            self._unread_bytes += len(message.data)
            self._hold(back=self._unread_bytes > UNREAD_BYTES_MAX)
            self._woken.set()
        elif message.offset > self.next_offset or message.offset < self.next_offset - REPEATED_MAX:
            self.lose_place()

    def lose_place(self) -> None:
        """The consumer is elsewhere, or may be: seek before waiting for more."""
        if not self._astray:
            _log.info("source_place_lost", source=self.log_id, next_offset=self.next_offset)
        self._astray = True
        self._woken.set()

    def close(self) -> None:
        """See `LogReader.close`."""
        self._hold(back=False)

    def _hold(self, *, back: bool) -> None:
        if back != self._held_back:
            self._held_back = back
            self._hold_back(self.log_id, back)
