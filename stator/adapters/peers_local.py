"""Peers of a process that has everything in itself: a call is a function call, an answer the handler's own future."""

import asyncio
from typing import Any

from stator.model.errors import DomainError
from stator.ports.peers import Handler


class LocalPeers:
    """All nodes are this process."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._loop = asyncio.get_running_loop()

    def call(self, node: str, method: str, message: Any, timeout_s: float) -> "asyncio.Future[Any]":  # noqa: ARG002 - the port's
        """See `Peers.call`. Cannot be lost; how long to wait is the caller's to watch."""
        try:
            answer = self._handlers[method](message)
        except DomainError as error:
            failed: asyncio.Future[Any] = self._loop.create_future()
            failed.set_exception(error)
            return failed
        if isinstance(answer, asyncio.Future):
            return answer
        done: asyncio.Future[Any] = self._loop.create_future()
        done.set_result(answer)
        return done

    def serve(self, method: str, handler: Handler) -> None:
        """See `Peers.serve`."""
        self._handlers[method] = handler

    async def close(self) -> None:
        """See `Peers.close`."""
        self._handlers.clear()
