"""What every process does around its work: an event loop, logs, a clean end on SIGTERM and Ctrl-C, and one clear line when it
cannot start.
"""

import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from stator.model.errors import StartupError

EXIT_CANNOT_START = 2
EXIT_FAILED = 1


class Service(Protocol):
    """Something that can be brought up and down."""

    async def start(self) -> None:
        """Return when it serves. Raises StartupError when an operator must change something."""
        ...

    async def stop(self) -> None:
        """Finish what is under way and give everything up."""
        ...


Build = Callable[[Callable[[str, BaseException], None]], Service]
"""Makes the service; its argument is to be called when one of its tasks fails."""


def run_process(build: Build, *, ready: Callable[[Service], None] = lambda _: None) -> int:
    """Run a service until a signal or a failure ends it; the exit code.

    A second signal ends the process at once: whoever presses Ctrl-C twice means it.
    """
    configure_logs()
    _tune()
    try:
        import uvloop  # noqa: PLC0415 - not on Windows, and not needed by what only imports this module

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        return runner.run(_run(build, ready))


async def _run(build: Build, ready: Callable[[Service], None]) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ended.done():
            ended.set_result(code)
        elif code == 0:
            sys.stderr.write("stopped at once\n")
            sys.stderr.flush()
            signal.raise_signal(signal.SIGKILL)

    try:
        service = build(lambda _task, _error: end(EXIT_FAILED))
    except StartupError as error:
        return _refuse(error)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, 0)
    try:
        await _unless_ended(service.start(), ended)
        if not ended.done():
            ready(service)
        return await ended
    except StartupError as error:
        return _refuse(error)
    finally:
        await service.stop()


async def _unless_ended(start: Coroutine[Any, Any, None], ended: "asyncio.Future[int]") -> None:
    starting = asyncio.ensure_future(start)
    both: list[asyncio.Future[Any]] = [starting, ended]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    await asyncio.gather(starting, return_exceptions=ended.done())


def _refuse(error: StartupError) -> int:
    sys.stderr.write(f"stator: {error.message}\n")
    return EXIT_CANNOT_START


SWITCH_INTERVAL_S = 0.0005
"""How long a busy event loop may keep the GIL from the log's thread. With CPython's 5 ms a lone append waits 20 ms behind a
busy loop; measured with 0.5 ms: 8 times the appends a second at 64 in flight."""

DESCRIPTORS = 65_536


def _tune() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # An open view takes three descriptors, and the usual soft limit of 1,024 is for programs that use select().
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def configure_logs() -> None:
    """One event per line on standard error: for people on a terminal, JSON elsewhere. Call once, from a process's start."""
    for_people = sys.stderr.isatty()
    rendered = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_LibraryLogs()], force=True)


class _LibraryLogs(logging.Handler):
    """What libraries have to say (librdkafka, Faust) goes where and how our own events go."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, "library_log", logger=record.name, message=record.getMessage(), exc_info=record.exc_info
        )
