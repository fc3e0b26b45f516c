"""The listening socket of the DynamoDB API: accepts, keeps time for all connections, drains.

HTTP is spoken in `connection.py`; nothing here looks at a request. One timer serves all connections: a timer each
would cost more than a GetItem.
"""

import asyncio
import errno

from stator.model.errors import StartupError
from stator.ports.clock import Clock
from stator.ports.identity import IdSource

from .connection import HttpConnection
from .http_messages import Handler, HttpLimits
from .response_wire import ResponseWriter


class AddressInUseError(StartupError):
    """Another process listens on the port."""


class HttpServer:
    """A started server. `port` is the one bound, also when 0 was asked for."""

    port: int

    def __init__(self, handler: Handler, *, clock: Clock, ids: IdSource, limits: HttpLimits) -> None:
        self.handler = handler
        self.ids = ids
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.writer = ResponseWriter(clock.now_us())
        self.coarse_now = clock.monotonic()
        self.draining = False
        self._clock = clock
        self._connections: set[HttpConnection] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, host: str, port: int) -> None:
        """Bind and accept. Raises `AddressInUseError`; other `OSError`s pass (no such host, no permission)."""
        try:
            self._listener = await self.loop.create_server(lambda: HttpConnection(self), host, port, backlog=1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUseError(f"port {port} on {host} is in use by another process") from error
            raise
        self.port = self._listener.sockets[0].getsockname()[1]
        self._sweeper = asyncio.create_task(self._sweep(), name="http-sweep")

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, answer what was asked, close; connections still busy after `timeout_s` are cut."""
        self.draining = True
        self._listener.close()
        for connection in tuple(self._connections):
            connection.drain()
        waiting = {asyncio.create_task(self._empty.wait()), asyncio.create_task(self._clock.sleep(timeout_s))}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for connection in tuple(self._connections):
            connection.abort()
        await self._empty.wait()
        self._sweeper.cancel()
        for task in waiting:
            task.cancel()
        await asyncio.gather(self._sweeper, *waiting, return_exceptions=True)

    def joined(self, connection: HttpConnection) -> None:
        """A connection opened."""
        self._connections.add(connection)
        self._empty.clear()

    def left(self, connection: HttpConnection) -> None:
        """A connection is gone, for whatever reason."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(self.limits.sweep_s)
            self.coarse_now = self._clock.monotonic()
            self.writer.tick(self._clock.now_us())
            for connection in tuple(self._connections):
                if connection.deadline <= self.coarse_now:
                    connection.expire()


async def start_server(
    handler: Handler, host: str, port: int, *, clock: Clock, ids: IdSource, limits: HttpLimits | None = None
) -> HttpServer:
    """Serve `handler` on `host:port` (0: any free port) until `drain` is called."""
    server = HttpServer(handler, clock=clock, ids=ids, limits=limits or HttpLimits())
    await server.listen(host, port)
    return server
