"""A real server on a loopback port, under a clock the test moves, and a client that speaks raw bytes."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.router.connection import HttpConnection
from services.router.http_messages import Handler, HttpLimits, Request, Response
from services.router.server import HttpServer, start_server

JSON = "application/x-amz-json-1.0"


class HandClock:
    """Time that stands still until `advance`."""

    def __init__(self) -> None:
        self._now_s = 1_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_us(self) -> int:
        return int(self._now_s * 1_000_000)

    def monotonic(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_s + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        self._now_s += seconds
        due = [future for when, future in self._sleepers if when <= self._now_s and not future.done()]
        self._sleepers = [(when, future) for when, future in self._sleepers if when > self._now_s]
        for future in due:
            future.set_result(None)
        await asyncio.gather(*due)


class CountedIds:
    """Request ids that can be told apart."""

    def __init__(self) -> None:
        self._count = 0

    def bits64(self) -> int:
        self._count += 1
        return self._count

    def request_id(self) -> str:
        return f"{self.bits64():052d}"

    def uuid(self) -> str:
        return f"{self.bits64():032x}"

    def jitter(self, low: float, high: float) -> float:
        return (low + high) / 2


class Answer:
    """One parsed response."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        self.body = body
        if "x-amz-crc32" in self.headers:
            assert int(self.headers["x-amz-crc32"]) == zlib.crc32(body)


class Client:
    """Raw bytes out, parsed answers in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return Answer(head, await asyncio.wait_for(self.reader.readexactly(length), 10))

    async def ended(self) -> bool:
        """Whether the server closed without saying more."""
        return await asyncio.wait_for(self.reader.read(), 10) == b""


class FrontDoor:
    """The server under test with its clock."""

    def __init__(self, server: HttpServer, clock: HandClock) -> None:
        self.server = server
        self.clock = clock

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    async def until(self, true: Callable[[], bool]) -> None:
        """Let the loop turn until it is so; the kernel, not we, moves the bytes between the two sockets."""
        while not true():  # noqa: ASYNC110 - there is no event to wait for on the far side of a socket
            await asyncio.sleep(0)

    def only_connection(self) -> HttpConnection | None:
        """The server's side of the one client connected, or None before it is accepted and after it is gone."""
        return next(iter(self.server._connections), None)

    async def pass_time(self, seconds: float) -> None:
        """Move the clock and let one sweep run."""
        await self.clock.advance(seconds)
        for _ in range(3):
            await asyncio.sleep(0)


@asynccontextmanager
async def front_door(handler: Handler, limits: HttpLimits | None = None) -> AsyncIterator[FrontDoor]:
    clock = HandClock()
    server = await start_server(handler, "127.0.0.1", 0, clock=clock, ids=CountedIds(), limits=limits)
    await asyncio.sleep(0)  # the sweep goes to sleep
    try:
        yield FrontDoor(server, clock)
    finally:
        for connection in tuple(server._connections):
            connection.abort()
        await asyncio.wait_for(server.drain(1.0), 10)


def echo(request: Request) -> Response:
    return Response(200, [b"<", request.body, b">"])


def post(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST / HTTP/{version}", "Host: localhost:8000", f"Content-Type: {JSON}"]
    lines += ["X-Amz-Target: DynamoDB_20120810.GetItem", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
