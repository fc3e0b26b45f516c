"""The serving half of every Peers adapter: finds the handler and turns whatever comes of it into one call of `Done`.

Not to break: an error that is not a DomainError never leaves the process. It is our bug, it is logged here, and the caller
is told what it can know: that the outcome is unknown.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from stator.model.errors import DomainError, OutcomeUnknownError
from stator.ports.peers import Handler

log = structlog.get_logger()

Done = Callable[[Any, DomainError | None], None]
"""Takes (answer, None) or (None, error), once: at once, or when the handler's future is done."""


class Handlers:
    """The methods that this process answers."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def serve(self, method: str, handler: Handler) -> None:
        """Answer `method` from now on."""
        self._handlers[method] = handler

    def handle(self, method: str, message: Any, done: Done) -> bool:
        """Have a message handled. False: nobody serves the method, and `done` will not be called."""
        handler = self._handlers.get(method)
        if handler is None:
            return False
        try:
            answer = handler(message)
        except DomainError as error:
            done(None, error)
        except Exception as fault:  # noqa: BLE001 whatever it is, the caller waits
            done(None, _unplanned(method, fault))
        else:
            if isinstance(answer, asyncio.Future):
                answer.add_done_callback(partial(_finish, method, done))
            else:
                done(answer, None)
        return True


def _finish(method: str, done: Done, answer: "asyncio.Future[Any]") -> None:
    if answer.cancelled():
        done(None, OutcomeUnknownError("The process is stopping"))
        return
    error = answer.exception()
    if error is None:
        done(answer.result(), None)
    elif isinstance(error, DomainError):
        done(None, error)
    else:
        done(None, _unplanned(method, error))


def _unplanned(method: str, fault: BaseException) -> DomainError:
    log.error("peer_handler_failed", method=method, exc_info=fault)
    return OutcomeUnknownError("The request failed in a way that was not planned for")
