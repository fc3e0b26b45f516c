"""Waiting for an archive that is away: for as long as it takes, ever less often, without giving up what is held."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from stator.ports.clock import Clock

Result = TypeVar("Result")

_log = structlog.get_logger()

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


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
