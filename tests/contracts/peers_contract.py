"""What every Peers must do: the promises of `stator/ports/peers.py`. Subclass it and say how to start nodes."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from stator.model.errors import (
    ConditionalCheckFailedError,
    NotLeaderError,
    OutcomeUnknownError,
    ValidationError,
)
from stator.ports.peers import PeerLostError, Peers, PeerUnreachableError


class Question(msgspec.Struct, frozen=True, array_like=True):
    number: int
    data: bytes = b""


class Reply(msgspec.Struct, frozen=True, array_like=True):
    number: int
    data: bytes | None = None


METHODS: Mapping[str, tuple[type, type]] = dict.fromkeys(("double", "later", "raise", "silence"), (Question, Reply))

Nodes = tuple[Peers, Peers]
"""Named "a" and "b"."""


def double(question: Question) -> Reply:
    return Reply(question.number * 2, question.data)


class PeersContract(ABC):
    """Each test runs on its own loop with two nodes of its own."""

    wait_s = 20.0

    @abstractmethod
    def two_nodes(self) -> AbstractAsyncContextManager[Nodes]:
        """Start nodes "a" and "b" that know each other, and a "nobody" whom nobody is."""

    def run(self, scenario: Callable[[Peers, Peers], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.wait_s), self.two_nodes() as (one, other):
                await scenario(one, other)

        asyncio.run(main())

    def test_a_call_ends_with_the_handlers_answer(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            other.serve("double", double)
            assert await one.call("b", "double", Question(21, b"\x00\xff"), 5) == Reply(42, b"\x00\xff")

        self.run(scenario)

    def test_both_nodes_ask_and_answer(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            one.serve("double", double)
            other.serve("double", double)
            answers = await asyncio.gather(
                one.call("b", "double", Question(1), 5), other.call("a", "double", Question(2), 5)
            )
            assert list(answers) == [Reply(2, b""), Reply(4, b"")]

        self.run(scenario)

    def test_a_handlers_future_is_awaited_and_calls_may_end_in_any_order(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            asked: dict[int, asyncio.Future[Reply]] = {}

            def later(question: Question) -> "asyncio.Future[Reply]":
                asked[question.number] = asyncio.get_running_loop().create_future()
                if len(asked) == 3:
                    for number in (2, 0, 1):
                        asked[number].set_result(Reply(number))
                return asked[question.number]

            other.serve("later", later)
            calls = [one.call("b", "later", Question(number), 5) for number in range(3)]
            assert await asyncio.gather(*calls) == [Reply(0), Reply(1), Reply(2)]

        self.run(scenario)

    def test_a_thousand_calls_at_once_each_get_their_own_answer(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            other.serve("double", double)
            answers = await asyncio.gather(*[one.call("b", "double", Question(n), 5) for n in range(1000)])
            assert [answer.number for answer in answers] == [2 * number for number in range(1000)]

        self.run(scenario)

    def test_a_message_of_many_megabytes_arrives_whole(self) -> None:
        data = bytes(range(256)) * (1 << 17)

        async def scenario(one: Peers, other: Peers) -> None:
            other.serve("double", double)
            answers = await asyncio.gather(*[one.call("b", "double", Question(n, data), 10) for n in range(2)])
            assert [answer.data == data for answer in answers] == [True, True]

        self.run(scenario)

    @pytest.mark.parametrize(
        ("error", "fields"),
        [
            (NotLeaderError("c"), {"hint": "c"}),
            (NotLeaderError(None), {"hint": None}),
            (ConditionalCheckFailedError(b'{"pk":{"S":"x"}}'), {"item": b'{"pk":{"S":"x"}}'}),
            (ValidationError("1 validation error detected"), {"message": "1 validation error detected"}),
        ],
    )
    @pytest.mark.parametrize("in_future", [False, True])
    def test_a_domain_error_is_raised_again_with_its_fields(
        self, error: Exception, fields: dict[str, object], in_future: bool
    ) -> None:
        def fail(_: Question) -> "asyncio.Future[Reply]":
            if not in_future:
                raise error
            failed: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

        async def scenario(one: Peers, other: Peers) -> None:
            other.serve("raise", fail)
            with pytest.raises(type(error)) as raised:
                await one.call("b", "raise", Question(1), 5)
            assert {name: getattr(raised.value, name) for name in fields} == fields
            assert str(raised.value) == str(error)

        self.run(scenario)

    @pytest.mark.parametrize("in_future", [False, True])
    def test_an_error_nobody_planned_is_an_unknown_outcome(self, in_future: bool) -> None:
        def fail(_: Question) -> "asyncio.Future[Reply]":
            if not in_future:
                raise ZeroDivisionError
            failed: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            failed.set_exception(ZeroDivisionError())
            return failed

        async def scenario(one: Peers, other: Peers) -> None:
            other.serve("raise", fail)
            with pytest.raises(OutcomeUnknownError):
                await one.call("b", "raise", Question(1), 5)

        self.run(scenario)

    def test_an_answer_that_does_not_come_in_time_is_a_timeout(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            loop = asyncio.get_running_loop()
            unanswered: asyncio.Future[Reply] = loop.create_future()
            other.serve("silence", lambda _: unanswered)
            other.serve("double", double)
            began = loop.time()
            call = one.call("b", "silence", Question(1), 0.1)
            assert await one.call("b", "double", Question(1), 5) == Reply(2, b"")
            with pytest.raises(TimeoutError):
                await call
            assert 0.1 <= loop.time() - began < 1
            unanswered.set_result(Reply(0))  # late: for nobody
            assert await one.call("b", "double", Question(2), 5) == Reply(4, b"")

        self.run(scenario)

    def test_a_node_that_is_not_there_is_unreachable_at_once(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            for node in ("nobody", "unheard of"):
                with pytest.raises(PeerUnreachableError):
                    await one.call(node, "double", Question(1), 60)

        self.run(scenario)

    def test_a_method_nobody_serves_was_not_delivered(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            with pytest.raises(PeerUnreachableError):
                await one.call("b", "double", Question(1), 5)

        self.run(scenario)

    def test_calls_under_way_are_lost_when_the_peer_goes(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            arrived = asyncio.Event()

            def silence(_: Question) -> "asyncio.Future[Reply]":
                arrived.set()
                return asyncio.get_running_loop().create_future()

            other.serve("silence", silence)
            call = one.call("b", "silence", Question(1), 60)
            await arrived.wait()
            await other.close()
            with pytest.raises(PeerLostError) as lost:
                await call
            assert not isinstance(lost.value, PeerUnreachableError)

        self.run(scenario)

    def test_closing_ends_ones_own_calls(self) -> None:
        async def scenario(one: Peers, other: Peers) -> None:
            other.serve("silence", lambda _: asyncio.get_running_loop().create_future())
            call = one.call("b", "silence", Question(1), 60)
            await one.close()
            with pytest.raises(PeerLostError):
                await call
            with pytest.raises(PeerUnreachableError):
                await one.call("b", "double", Question(1), 60)
            await one.close()

        self.run(scenario)
