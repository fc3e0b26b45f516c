"""The admin port without a Stator behind it: sockets, and nothing mocked."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from typing import NamedTuple

import msgspec
import pytest

from stator.model.errors import StartupError
from stator.runtime.admin import AdminPort
from stator.runtime.vitals import Vitals
from tests.standalone_server import free_port
from tests.vitals import vitals_of


class Page(NamedTuple):
    status: int
    body: str


def visit(vitals: Vitals, *paths: str) -> list[Page]:
    """What a started admin port answers, in order."""

    def get(port: int, path: str) -> Page:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return Page(response.status, response.read().decode())
        finally:
            connection.close()

    async def work(port: int) -> list[Page]:
        return [await asyncio.to_thread(get, port, path) for path in paths]

    return asyncio.run(_while_open(vitals, work))


async def _while_open(vitals: Vitals, work: Callable[[int], Awaitable[list[Page]]]) -> list[Page]:
    port = free_port()
    admin = AdminPort("127.0.0.1", port, vitals)
    admin.open()
    try:
        return await work(port)
    finally:
        await admin.close()
        await admin.close()


def test_a_process_that_starts_lives_and_is_not_ready() -> None:
    vitals = vitals_of("leader-1", "leader")
    vitals.health.starting = "it reads the catalog"
    lives, ready, none = visit(vitals, "/healthz", "/readyz", "/nothing")
    assert lives == Page(200, "ok\n")
    assert (ready.status, msgspec.json.decode(ready.body)["reasons"]) == (503, ["it reads the catalog"])
    assert none.status == 404


def test_a_ready_process_says_so_and_who_it_is() -> None:
    vitals = vitals_of("leader-1", "leader")
    vitals.health.starting = None
    ready, metrics = visit(vitals, "/readyz", "/metrics")
    assert ready == Page(200, '{"ready":true,"reasons":[],"warnings":[]}\n')
    assert 'node="leader-1",role="leader"' in metrics.body
    assert "process_resident_memory_bytes" in metrics.body


def test_a_head_that_does_not_end_is_refused_before_it_fills_the_memory() -> None:
    def flood(port: int) -> list[Page]:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Long: " + b"x" * 100_000)
            return [Page(int(client.recv(1_000).split()[1]), "")]

    async def work(port: int) -> list[Page]:
        return await asyncio.to_thread(flood, port)

    (answer,) = asyncio.run(_while_open(vitals_of("router-1", "router"), work))
    assert answer.status == 400


def test_an_admin_port_nobody_visits_is_closed_too() -> None:
    assert visit(vitals_of("router-1", "router")) == []


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    async def open_at(port: int) -> None:
        AdminPort("127.0.0.1", port, vitals_of("router-1", "router")).open()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            StartupError, match=rf"^admin port {port} on 127.0.0.1 is in use by another process \(--admin-"
        ):
            asyncio.run(open_at(port))


def test_port_zero_is_off() -> None:
    async def open_and_close() -> None:
        admin = AdminPort("127.0.0.1", 0, vitals_of("router-1", "router"))
        admin.open()
        await admin.close()

    asyncio.run(open_and_close())
