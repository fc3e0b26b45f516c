import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from stator.adapters.peers_frames import FRAME_BYTES_MAX
from stator.adapters.peers_socket import SocketPeers
from stator.codec.peer_messages import PeerMessages
from stator.model.errors import StartupError
from stator.ports.peers import PeerLostError, PeerUnreachableError
from tests.contracts.peers_contract import METHODS, Nodes, PeersContract, Question, Reply, double

HOST = "127.0.0.1"
NOBODY = (HOST, 1)


async def listening(port: int = 0) -> SocketPeers:
    return await SocketPeers.listen(HOST, port, {"nobody": NOBODY}, PeerMessages(METHODS))


@asynccontextmanager
async def acquainted() -> AsyncIterator[tuple[SocketPeers, SocketPeers]]:
    one, other = await listening(), await listening()
    for peers in (one, other):
        peers.locate("a", (HOST, one.port))
        peers.locate("b", (HOST, other.port))
    try:
        yield one, other
    finally:
        await one.close()
        await other.close()


class TestSocketPeers(PeersContract):
    def two_nodes(self) -> AbstractAsyncContextManager[Nodes]:
        return acquainted()


def test_a_taken_port_is_one_line_for_the_operator() -> None:
    async def scenario() -> None:
        peers = await listening()
        with pytest.raises(StartupError, match=rf"^cannot listen for peers on {HOST}:{peers.port}: [^\n]+$"):
            await listening(peers.port)
        await peers.close()

    asyncio.run(scenario())


def test_a_peer_that_comes_back_is_found_again() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10), acquainted() as (one, other):
            other.serve("double", double)
            assert await one.call("b", "double", Question(1), 5) == Reply(2, b"")
            port = other.port
            await other.close()
            with pytest.raises(PeerLostError):
                await one.call("b", "double", Question(2), 5)
            reborn = await listening(port)
            reborn.serve("double", double)
            answer = None
            while answer is None:
                try:
                    answer = await one.call("b", "double", Question(3), 5)
                except PeerUnreachableError:
                    await asyncio.sleep(0.01)
            assert answer == Reply(6, b"")
            await reborn.close()

    asyncio.run(scenario())


def test_a_peer_that_moves_is_called_at_its_new_address() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10), acquainted() as (one, other):
            other.serve("double", double)
            one.locate("nobody", (HOST, other.port))
            assert await one.call("nobody", "double", Question(1), 5) == Reply(2, b"")

    asyncio.run(scenario())


def test_between_attempts_to_connect_calls_fail_without_another() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10), acquainted() as (one, _):
            with pytest.raises(PeerUnreachableError):
                await one.call("nobody", "double", Question(1), 5)
            call = one.call("nobody", "double", Question(2), 5)
            assert call.done()
            assert isinstance(call.exception(), PeerUnreachableError)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param((FRAME_BYTES_MAX + 1).to_bytes(4, "big"), id="a frame over the cap"),
        pytest.param(b"\x00\x00\x00\x03abc", id="no request"),
    ],
)
def test_a_caller_that_talks_nonsense_is_cut_off_and_the_others_are_served(garbage: bytes) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10), acquainted() as (one, other):
            other.serve("double", double)
            reader, writer = await asyncio.open_connection(HOST, other.port)
            writer.write(garbage)
            assert await reader.read() == b""
            writer.close()
            assert await one.call("b", "double", Question(1), 5) == Reply(2, b"")

    asyncio.run(scenario())


def test_a_request_that_trickles_in_is_read_whole() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10), acquainted() as (_, other):
            other.serve("double", double)
            messages = PeerMessages(METHODS)
            body = messages.request(7, "double", Question(4))
            reader, writer = await asyncio.open_connection(HOST, other.port)
            for byte in (len(body).to_bytes(4, "big") + body) * 2:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            for _ in range(2):
                frame = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
                answer = messages.read_answer(frame)
                assert (answer.call_id, messages.answer_of("double", answer)) == (7, Reply(8, b""))
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_a_request_that_cannot_be_read_is_refused_and_the_connection_goes_on() -> None:
    """A caller of a newer version, say."""

    async def scenario() -> None:
        async with asyncio.timeout(10), acquainted() as (one, other):
            newer = PeerMessages({**METHODS, "double": (str, Reply), "novel": (Question, Reply)})
            other.serve("double", double)
            assert await one.call("b", "double", Question(1), 5) == Reply(2, b"")
            one.messages = newer
            for method, message in (("double", "two"), ("novel", Question(1))):
                with pytest.raises(PeerUnreachableError):
                    await one.call("b", method, message, 5)
            one.messages = PeerMessages(METHODS)
            assert await one.call("b", "double", Question(2), 5) == Reply(4, b"")

    asyncio.run(scenario())
