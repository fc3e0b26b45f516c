"""An event loop without a clock, a socket or a thread: when nothing is ready, time jumps to the next timer.

Every callback belongs to the simulated process in whose context it was scheduled, or to the world. That is all a crash
needs: callbacks of a dead process are put aside, so that not one more line of it runs, no `finally` either. A paused
process (SIGSTOP) goes on with its callbacks late, believing that no time has passed.
"""

import asyncio
from asyncio import events
from collections import deque
from contextvars import Context, ContextVar, copy_context
from heapq import heappop
from typing import Any

OWNER: ContextVar["Owner | None"] = ContextVar("OWNER", default=None)


class NothingToDoError(Exception):
    """Everybody waits for somebody, and no timer will end that."""


class Owner:
    """Something that callbacks belong to: one incarnation of a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.paused = False
        self.kept: list[events.Handle] = []
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)


class SimulatedLoop(asyncio.BaseEventLoop):
    """First in, first out; what is random about a run comes from delays that others draw."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.steps = 0
        self._now = 0.0
        self._dead: list[Owner] = []
        self._ending = False
        self._ready: deque[events.Handle]
        self._scheduled: list[events.TimerHandle]
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        return self._now

    def kill(self, owner: Owner) -> None:
        """Nothing of this process runs any more, until `run_cleanup`."""
        owner.alive = False
        self._dead.append(owner)

    def resume(self, owner: Owner) -> None:
        """Let a paused process go on with what has gathered."""
        owner.paused = False
        self._ready.extend(owner.kept)
        owner.kept.clear()

    def run_cleanup(self) -> None:
        """End every task, dead processes' too, so that nothing is left to be ended by the garbage collector."""
        self._ending = True
        for owner in self._dead:
            self._ready.extend(owner.kept)
        for _ in range(20):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            self.call_soon(self.stop)
            self.run_forever()
            self.call_soon(self.stop)
            self.run_forever()
        self._scheduled.clear()
        self._ready.clear()
        self.close()

    def _run_once(self) -> None:
        scheduled, ready = self._scheduled, self._ready
        if not ready:
            while scheduled and scheduled[0]._cancelled:
                heappop(scheduled)._scheduled = False
            if not scheduled:
                raise NothingToDoError
            self._now = max(self._now, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._now:
            timer = heappop(scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            owner = handle._context.get(OWNER)
            if owner is not None and not self._ending and (owner.paused or not owner.alive):
                owner.kept.append(handle)
                continue
            self.steps += 1
            handle._run()

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """Cancelled timers are thrown away when their time comes."""

    def _failed(self, _loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        if not self._ending:
            error = told.get("exception")
            self.failures.append(f"{told.get('message')}: {error!r}")

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is one thread."""
