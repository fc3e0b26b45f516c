"""The tasks of a process: started by name, ended together, and never dying unseen.

A loop that ends with an exception nobody planned for is a bug; the process must not go on half alive. `Tasks` reports the
first such failure to `on_failure`, which in a real process stops it (its supervisor starts it anew) and in the simulator
fails the seed.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from stator.model.errors import ServiceUnavailableError

_log = structlog.get_logger()


class Tasks:
    """Background tasks of one owner."""

    def __init__(self, on_failure: Callable[[str, BaseException], None]) -> None:
        self._on_failure = on_failure
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their start, so that runs can be repeated
        self._closed = False

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` until it returns or the owner is closed."""
        if self._closed:
            work.close()
            raise RuntimeError(f"cannot start {name}: closed")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def request(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` for somebody who waits for the task: how it ends is theirs to handle. Refused once closed."""
        if self._closed:
            work.close()
            raise ServiceUnavailableError("The process is stopping")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._forget(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("task_failed", task=task.get_name(), exc_info=error)
            self._on_failure(task.get_name(), error)

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)

    def cancel(self) -> None:
        """Ask all tasks to end, without waiting: what a crash looks like."""
        self._closed = True
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """End all tasks and wait until they have ended."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
