"""Waiting for what is away: for as long as it takes, saying so, without giving up what is held."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from stator.model.errors import LogError
from stator.ports.clock import Clock

Result = TypeVar("Result")

_log = structlog.get_logger()

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
LOOK_S = 0.5
SAY_S = 4.0
ATTEMPT_S = 4.0
"""How long a starting process lets a server take for an answer; also how long a stop may take meanwhile."""


async def persist(clock: Clock, what: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Call `attempt` until it does not raise OSError; only calls that may be repeated belong here.

    `what` names the work in the two log lines: the first failure, and the success that ends an outage.
    """
    wait_s = FIRST_WAIT_S
    while True:
        try:
            result = await attempt()
        except OSError as error:
            if wait_s == FIRST_WAIT_S:
                _log.warning("archive_away", work=what, reason=str(error))
            await clock.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
        else:
            if wait_s > FIRST_WAIT_S:
                _log.info("archive_back", work=what)
            return result


async def wait_for(clock: Clock, server: str, at: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Call `attempt` until it raises neither LogError nor OSError: a process that starts before the server it needs.

    Every few seconds a line says who is waited for (`server`), where that should be (`at`), and what is wrong.
    """
    started = clock.monotonic()
    said = -SAY_S
    while True:
        try:
            result = await attempt()
        except (LogError, OSError) as error:
            waited_s = clock.monotonic() - started
            if waited_s - said >= SAY_S:
                said = waited_s
                _log.warning("waiting_for_server", server=server, at=at, waited_s=round(waited_s), reason=str(error))
            await clock.sleep(LOOK_S)
        else:
            if said >= 0:
                _log.info("server_answers", server=server, at=at, waited_s=round(clock.monotonic() - started))
            return result
