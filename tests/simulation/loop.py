"""An event loop without a clock, a socket or a thread: when nothing is ready, time jumps to the next timer.

Every callback belongs to the simulated process in whose context it was scheduled, or to the world. That is all a crash
needs: callbacks of a dead process are put aside, so that not one more line of it runs, no `finally` either. A paused
process (SIGSTOP) goes on with its callbacks late, believing that no time has passed.

Every step of a run passes here, hence calls and timers of its own: what asyncio's are ready for never happens.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any

from msgspec import Struct

OWNER: ContextVar["Owner | None"] = ContextVar("OWNER", default=None)


class NothingToDoError(Exception):
    """Everybody waits for somebody, and no timer will end that."""


class KilledError(BaseException):
    """Out of the call in the middle of which a process was killed: no line after it may run. Not an Exception, for nobody in the
    process is there to catch it.
    """


class Owner:
    """Something that callbacks belong to: one incarnation of a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.halted = False
        """It is dead or paused."""
        self.kept: list[Call] = []
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)


class Call(Struct):
    """A callback that waits for its turn or its time."""

    callback: Callable[..., object]
    args: tuple[Any, ...]
    context: Context
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class SimulatedLoop(asyncio.BaseEventLoop):
    """First in, first out; what is random about a run comes from delays that others draw."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.steps = 0
        self._now = 0.0
        self._dead: list[Owner] = []
        self._ending = False
        self._calls: list[Call] = []
        self._timers: list[tuple[float, int, Call]] = []
        self._numbers = count()
        self._stopping: bool
        self.set_exception_handler(self._failed)

    get_debug = bool
    """False, and no step of the interpreter's: every future asks."""

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Call:
        call = Call(callback, args, copy_context() if context is None else context)
        self._calls.append(call)
        return call

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Call:
        call = Call(callback, args, copy_context() if context is None else context)
        heappush(self._timers, (when, next(self._numbers), call))
        return call

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Call:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def pause(self, seconds: float) -> "asyncio.Future[None]":
        """What `asyncio.sleep` does, without a coroutine of its own: much of what waits here waits for this."""
        over = self.create_future()
        self.call_later(seconds, _end, over)
        return over

    def kill(self, owner: Owner) -> None:
        """Nothing of this process runs any more, until `run_cleanup`."""
        owner.halted = True
        self._dead.append(owner)

    def resume(self, owner: Owner) -> None:
        """Let a paused process go on with what has gathered."""
        owner.halted = False
        self._calls.extend(owner.kept)
        owner.kept.clear()

    def run_cleanup(self) -> None:
        """End every task, dead processes' too, so that nothing is left to be ended by the garbage collector."""
        self._ending = True
        for owner in self._dead:
            self._calls.extend(owner.kept)
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
        self._timers.clear()
        self._calls.clear()
        self.close()

    def _run_once(self) -> None:
        timers = self._timers
        while not self._stopping:
            if not self._calls:
                while timers and timers[0][2].cancelled:
                    heappop(timers)
                if not timers:
                    raise NothingToDoError
                self._now = max(self._now, timers[0][0])
            now = self._now
            while timers and timers[0][0] <= now:
                self._calls.append(heappop(timers)[2])
            calls, self._calls = self._calls, []
            self.steps += len(calls)
            for call in calls:
                context = call.context
                owner = context.get(OWNER)
                if owner is not None and owner.halted and not self._ending:
                    owner.kept.append(call)
                elif not call.cancelled:
                    try:
                        context.run(call.callback, *call.args)
                    except KilledError:
                        continue
                    except Exception as error:  # noqa: BLE001 - what a callback leaves undone is told, as asyncio does
                        self.call_exception_handler({"message": f"in {call.callback!r}", "exception": error})

    def _failed(self, _loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        error = told.get("exception")
        if not self._ending and not isinstance(error, KilledError):
            self.failures.append(f"{told.get('message')}: {error!r}")

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is one thread."""


def _end(pause: "asyncio.Future[None]") -> None:
    if not pause.done():
        pause.set_result(None)
