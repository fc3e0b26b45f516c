"""The admin port: health, metrics and status over plain HTTP, beside the work and never in its way.

The socket is bound at start, so that a port in use ends the start and not the first look. What serves it (Starlette, uvicorn:
a fifth of a second to import, some megabytes) is loaded on a thread when somebody connects for the first time.
"""

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

from stator.model.errors import StartupError
from stator.runtime.vitals import Vitals

if TYPE_CHECKING:
    from stator.runtime.admin_pages import AdminServer

_BACKLOG = 64


class AdminPort:
    """One process's admin port. Without a number (`port` 0) it is off and all methods do nothing."""

    def __init__(self, host: str, port: int, vitals: Vitals) -> None:
        self._host = host
        self._port = port
        self._vitals = vitals
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None
        self._server: AdminServer | None = None

    def open(self) -> None:
        """Bind. Raises StartupError, one line naming the port, when it cannot be had."""
        if self._port == 0:
            return
        try:
            self._socket = _listening(self._host, self._port)
        except OSError as error:
            reason = "is in use by another process" if error.errno == errno.EADDRINUSE else f"cannot be had: {error}"
            raise StartupError(
                f"admin port {self._port} on {self._host} {reason} (--admin-port or STATOR_ADMIN_PORT; 0 switches it off)"
            ) from error
        asyncio.get_running_loop().add_reader(self._socket, self._called)

    def _called(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._serving = loop.create_task(self._serve(self._socket), name="admin")

    async def _serve(self, listening: socket.socket) -> None:
        server_class = await asyncio.to_thread(_load)
        self._server = server_class(self._vitals)
        await self._server.serve(sockets=[listening])

    async def close(self) -> None:
        """Stop answering. Idempotent."""
        if self._serving is not None:
            if self._server is not None:
                self._server.should_exit = True
            else:
                self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._serving = None
        elif self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _load() -> "type[AdminServer]":
    from stator.runtime.admin_pages import AdminServer  # noqa: PLC0415 - the point of this module

    return AdminServer
