"""The load: a few connections that each send the next request as soon as the answer to the last has come.

Requests are bytes made beforehand and answers are not decoded, so that the client's share of a request stays far below the
server's and the server is what is measured. An answer other than 200 ends the run: a fast refusal is no result.
"""

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httptools
import uvloop

TICKS_PER_S = 100  # Linux's USER_HZ, in which /proc gives CPU time
WARM_UP_S = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. CPU is the server's alone, all its threads."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float


class RequestRefusedError(RuntimeError):
    """The server did not answer 200."""


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], latencies_s: list[float]) -> None:
        self._requests = requests
        self._latencies_s = latencies_s
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self.until = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def run_until(self, until: float) -> None:
        self.until = until
        self.ended = asyncio.get_running_loop().create_future()
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.ended.set_result(None)
        else:
            self._sent_at = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._latencies_s.append(now - self._sent_at)
        if self._parser.get_status_code() != 200:
            self.ended.set_exception(RequestRefusedError(f"status {self._parser.get_status_code()}"))
        elif now < self.until:
            self._send()
        else:
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()


def measure(port: int, pid: int, requests: Iterator[bytes], connections: int, seconds: float) -> Measured:
    """Load the server at `port`, whose process is `pid`, for some seconds after a warm-up."""
    return uvloop.run(_measure(port, pid, requests, connections, seconds))


def send_all(port: int, requests: list[bytes]) -> None:
    """Send these once, in order, over one connection."""
    uvloop.run(_load(port, iter(requests), connections=1, seconds=math.inf, latencies_s=[]))


async def _measure(port: int, pid: int, requests: Iterator[bytes], connections: int, seconds: float) -> Measured:
    await _load(port, requests, connections, WARM_UP_S, [])
    latencies_s: list[float] = []
    cpu_before_s, began_at = cpu_s(pid), time.perf_counter()
    await _load(port, requests, connections, seconds, latencies_s)
    took_s, used_s = time.perf_counter() - began_at, cpu_s(pid) - cpu_before_s
    latencies_s.sort()
    count = len(latencies_s)
    return Measured(
        requests_per_s=count / took_s,
        p50_ms=latencies_s[count // 2] * 1e3,
        p99_ms=latencies_s[count * 99 // 100] * 1e3,
        cpu_us_per_request=used_s / count * 1e6,
    )


async def _load(
    port: int, requests: Iterator[bytes], connections: int, seconds: float, latencies_s: list[float]
) -> None:
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: _Connection(requests, latencies_s), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    until = time.perf_counter() + seconds
    for connection in opened:
        connection.run_until(until)
    try:
        await asyncio.gather(*(connection.ended for connection in opened))
    finally:
        for connection in opened:
            connection.close()


def cpu_s(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mb(pid: int) -> float:
    """Memory of a process, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
