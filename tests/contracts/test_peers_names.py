"""What a resolver that hangs may not do."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from stator.adapters.peers_names import Names

WITHIN_S = 5.0


class Resolver:
    """Knows `alive`; for `dead` it hangs until let go. Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, name: str) -> list[str]:
        self.asked.append(name)
        if name == "dead":
            assert self.let_go.wait(WITHIN_S)
            raise socket.gaierror("Temporary failure in name resolution")
        return ["10.0.0.1", "10.0.0.2"]


def run(scenario: Callable[[Names, Resolver], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        resolver = Resolver()
        async with asyncio.timeout(WITHIN_S):
            await scenario(Names(resolver), resolver)

    asyncio.run(main())


async def gives_up(names: Names) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await names.addresses("dead")


def test_a_name_that_hangs_is_asked_for_once_and_holds_up_no_other() -> None:
    async def scenario(names: Names, resolver: Resolver) -> None:
        for _ in range(40):
            await gives_up(names)
        assert resolver.asked == ["dead"]
        assert await names.addresses("alive") == ["10.0.0.1", "10.0.0.2"]
        resolver.let_go.set()

    run(scenario)


def test_a_name_is_asked_for_again_once_the_answer_has_come() -> None:
    async def scenario(names: Names, resolver: Resolver) -> None:
        resolver.let_go.set()
        for _ in range(2):
            with pytest.raises(OSError, match="Temporary failure"):
                await names.addresses("dead")
        await names.addresses("alive")
        await names.addresses("alive")
        assert resolver.asked == ["dead", "dead", "alive", "alive"]

    run(scenario)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_needs_no_resolver(address: str) -> None:
    async def scenario(names: Names, resolver: Resolver) -> None:
        assert await names.addresses(address) == [address]
        assert resolver.asked == []

    run(scenario)


def test_the_systems_resolver_knows_this_machine() -> None:
    async def main() -> None:
        assert set(await Names().addresses("localhost")) & {"127.0.0.1", "::1"}

    asyncio.run(main())


@pytest.mark.parametrize("name", ["leader..1", "leader-" + 64 * "1"])
def test_what_cannot_be_a_name_has_no_address(name: str) -> None:
    async def main() -> None:
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(OSError, match="is not a host's name"):
                await Names().addresses(name)

    asyncio.run(main())


def test_a_process_that_stops_does_not_wait_for_a_lookup() -> None:
    resolver = Resolver()

    async def main() -> None:
        await gives_up(Names(resolver))

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < WITHIN_S
    resolver.let_go.set()
