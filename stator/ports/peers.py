"""The other processes of the deployment, as a need: ask one of them something and get an answer, or none.

A request is a `method` name and a message, both defined in `rules/commands.py` and neighbours; the bytes are the adapter's.
A lost or late answer says nothing about whether the request was carried out.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

Handler = Callable[[Any], "asyncio.Future[Any] | Any"]
"""Takes the decoded message; returns the answer, or a future of it. What it raises (a DomainError) is raised at the caller."""


class PeerLostError(ConnectionError):
    """The peer went away before it answered: the request may have been carried out."""


class PeerUnreachableError(PeerLostError):
    """The request was certainly not delivered."""


class Peers(Protocol):
    """Point-to-point calls between named nodes."""

    def call(self, node: str, method: str, message: Any, timeout_s: float) -> "asyncio.Future[Any]":
        """Ask `node`. The future ends with the answer, the DomainError its handler raised, PeerLostError (PeerUnreachableError
        when nothing was sent) or TimeoutError.
        """
        ...

    def serve(self, method: str, handler: Handler) -> None:
        """Answer `method` from now on."""
        ...

    async def close(self) -> None:
        """Stop serving; open calls end with PeerLostError."""
        ...
