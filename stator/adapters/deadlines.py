"""Timeouts of many calls on one timer. They come up to a tick late, never early: a timer per call would cost more than the call."""

import asyncio
from collections.abc import Callable
from math import ceil

_TICK_S = 0.05


class Deadlines:
    """Calls are known by number; `expire(number)` is called for every deadline that passes, also of calls that have ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[int], None]) -> None:
        self._loop = loop
        self._expire = expire
        self._numbers: dict[int, list[int]] = {}
        """By tick, counted from the loop's beginning of time."""
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    def add(self, number: int, timeout_s: float) -> None:
        """Expire `number` after that long."""
        tick = ceil((self._loop.time() + timeout_s) / _TICK_S)
        numbers = self._numbers.get(tick)
        if numbers is not None:
            numbers.append(number)
            return
        self._numbers[tick] = [number]
        if self._timer is None or tick < self._next:
            self._arm()

    def close(self) -> None:
        """Expire nothing any more."""
        self._numbers.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._numbers:
            self._next = min(self._numbers)
            self._timer = self._loop.call_at(self._next * _TICK_S, self._pass)

    def _pass(self) -> None:
        """The tick that was waited for has come, and the loop may be late."""
        now = max(self._next, int(self._loop.time() / _TICK_S))
        for tick in sorted(tick for tick in self._numbers if tick <= now):
            for number in self._numbers.pop(tick):
                self._expire(number)
        self._arm()
