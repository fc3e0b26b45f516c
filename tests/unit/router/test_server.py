import asyncio
import gzip
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from services.router.error_bodies import error_response
from services.router.http_messages import HttpLimits, Request, Response
from services.router.server import AddressInUseError, start_server
from stator.model.errors import ConditionalCheckFailedError, ResourceNotFoundError
from tests.unit.router.front_door import JSON, Client, CountedIds, HandClock, echo, front_door, post

SMALL = HttpLimits(body_bytes_max=1_000, drain_bytes_max=5_000, head_bytes_max=2_000, pipelined_max=4)


Run = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run_on_loop(scenario: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(scenario, 30))

    return run_on_loop


class Waiting:
    """A handler whose answers come when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, asyncio.Future[Response]]] = []
        self.arrived = asyncio.Event()

    def __call__(self, request: Request) -> asyncio.Future[Response]:
        future = asyncio.get_running_loop().create_future()
        self.asked.append((request.body, future))
        self.arrived.set()
        return future

    async def until(self, count: int) -> None:
        while len(self.asked) < count:
            self.arrived.clear()
            await self.arrived.wait()

    def answer(self, body: bytes) -> None:
        for asked, future in self.asked:
            if asked == body:
                future.set_result(Response(200, body))


def test_every_answer_carries_the_headers_sdks_check(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door, door.client() as client:
            client.send(post(b"{}"))
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"<{}>")
            assert answer.headers["content-type"] == JSON
            assert answer.headers["server"] == "Stator"
            assert answer.headers["date"] == "Thu, 01 Jan 1970 00:16:40 GMT"
            assert re.fullmatch("[0-9A-Z]{52}", answer.headers["x-amzn-requestid"])
            assert "x-amz-crc32" in answer.headers
            assert "connection" not in answer.headers

    run(scenario())


def test_a_request_split_anywhere_is_the_same_request(run: Run) -> None:
    async def scenario() -> None:
        whole = post(b'{"TableName":"music"}')
        async with front_door(echo) as door, door.client() as client:
            for cut in range(1, len(whole)):
                client.send(whole[:cut])
                await asyncio.sleep(0)
                client.send(whole[cut:])
                assert (await client.answer()).body == b'<{"TableName":"music"}>'

    run(scenario())


def test_a_request_sent_byte_by_byte_is_the_same_request(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door, door.client() as client:
            for byte in post(b"{}"):
                client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.answer()).body == b"<{}>"

    run(scenario())


def test_pipelined_answers_come_in_request_order_though_handlers_finish_in_another(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door, door.client() as client:
            client.send(post(b"1") + post(b"2") + post(b"3"))
            await handler.until(3)
            for body in (b"3", b"1", b"2"):
                handler.answer(body)
            assert [(await client.answer()).body for _ in range(3)] == [b"1", b"2", b"3"]

    run(scenario())


def test_a_direct_answer_waits_behind_a_pending_one(run: Run) -> None:
    async def scenario() -> None:
        waiting = Waiting()

        def mixed(request: Request) -> Response | asyncio.Future[Response]:
            return waiting(request) if request.body == b"slow" else echo(request)

        async with front_door(mixed) as door, door.client() as client:
            client.send(post(b"slow") + post(b"fast"))
            await waiting.until(1)
            waiting.answer(b"slow")
            assert [(await client.answer()).body for _ in range(2)] == [b"slow", b"<fast>"]

    run(scenario())


def test_no_more_is_read_from_a_client_with_too_many_unanswered_requests(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler, SMALL) as door, door.client() as client:
            for number in range(SMALL.pipelined_max):
                client.send(post(b"%d" % number))
                await handler.until(number + 1)
            (connection,) = door.server._connections
            assert not connection._transport.is_reading()
            client.send(post(b"late"))
            handler.answer(b"0")
            assert (await client.answer()).body == b"0"
            await handler.until(SMALL.pipelined_max + 1)

    run(scenario())


def test_a_peer_that_does_not_read_is_not_read_from_and_finally_cut(run: Run) -> None:
    async def scenario() -> None:
        big = Response(200, b"x" * 8_000_000)
        limits = HttpLimits(stall_s=5.0)
        async with front_door(lambda _: big, limits) as door, door.client() as client:
            client.writer.transport.pause_reading()
            client.send(post(b"{}"))
            await door.until(lambda: (c := door.only_connection()) is not None and c._write_paused)
            await door.pass_time(6.0)
            await door.until(lambda: door.only_connection() is None)

    run(scenario())


def test_a_slow_reader_gets_all_of_a_large_answer(run: Run) -> None:
    async def scenario() -> None:
        big = Response(200, [b"x" * 4_000_000, b"y" * 4_000_000])
        async with front_door(lambda _: big) as door, door.client() as client:
            client.writer.transport.pause_reading()
            client.send(post(b"{}") + post(b"{}"))
            await asyncio.sleep(0)
            client.writer.transport.resume_reading()
            for _ in range(2):
                assert len((await client.answer()).body) == 8_000_000

    run(scenario())


def test_an_oversized_body_is_refused_and_the_connection_lives_on(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(post(b"x" * 1_001) + post(b"fine"))
            refused = await client.answer()
            assert refused.status == 413
            assert b"com.amazon.coral.service#RequestEntityTooLarge" in refused.body
            assert (await client.answer()).body == b"<fine>"

    run(scenario())


def test_a_body_of_exactly_the_limit_is_accepted(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(post(b"x" * 1_000))
            assert (await client.answer()).status == 200

    run(scenario())


def test_a_body_too_large_to_drain_is_refused_before_it_is_sent(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(post(b"x" * 6_000)[:400])
            answer = await client.answer()
            assert (answer.status, answer.headers["connection"]) == (413, "close")
            assert await client.ended()

    run(scenario())


def chunked(*parts: bytes, trailer: bytes = b"") -> bytes:
    head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


def test_chunked_bodies_are_joined_and_trailers_ignored(run: Run) -> None:
    async def scenario() -> None:
        seen = []

        def handler(request: Request) -> Response:
            seen.append(request.headers)
            return echo(request)

        async with front_door(handler) as door, door.client() as client:
            client.send(chunked(b"ab", b"c" * 300, b"d", trailer=b"X-Amz-Target: other\r\n"))
            assert (await client.answer()).body == b"<ab" + b"c" * 300 + b"d>"
            assert seen[0]["x-amz-target"] == "DynamoDB_20120810.GetItem"

    run(scenario())


def test_a_chunked_body_over_the_limit_is_refused_and_the_connection_lives_on(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(chunked(*[b"x" * 100] * 11) + post(b"fine"))
            assert (await client.answer()).status == 413
            assert (await client.answer()).body == b"<fine>"

    run(scenario())


def test_an_endless_chunked_body_is_cut(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(chunked(*[b"x" * 100] * 60)[:-5])
            answer = await client.answer()
            assert (answer.status, answer.headers["connection"]) == (413, "close")

    run(scenario())


def test_expect_continue_is_answered_before_the_body_comes(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door, door.client() as client:
            head, _, body = post(b"{}", "Expect: 100-continue").partition(b"\r\n\r\n")
            client.send(head + b"\r\n\r\n")
            assert (await client.answer()).status == 100
            client.send(body)
            assert (await client.answer()).body == b"<{}>"

    run(scenario())


def test_expect_continue_with_an_oversized_body_is_refused_at_once(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            head, _, _ = post(b"x" * 2_000, "Expect: 100-continue").partition(b"\r\n\r\n")
            client.send(head + b"\r\n\r\n")
            assert (await client.answer()).status == 413
            assert await client.ended()

    run(scenario())


def test_gzip_bodies_are_inflated_and_the_sent_bytes_kept_for_the_signature(run: Run) -> None:
    async def scenario() -> None:
        seen = []

        def handler(request: Request) -> Response:
            seen.append(request)
            return echo(request)

        packed = gzip.compress(b'{"TableName":"music"}')
        async with front_door(handler) as door, door.client() as client:
            client.send(post(packed, "Content-Encoding: gzip"))
            assert (await client.answer()).body == b'<{"TableName":"music"}>'
            assert seen[0].wire_body == packed

    run(scenario())


@pytest.mark.parametrize(
    ("packed", "status"),
    [(b"not gzip", 400), (gzip.compress(b"x")[:-4], 400), (gzip.compress(b"x" * 100_000), 413)],
    ids=["garbage", "cut short", "bomb"],
)
def test_bad_gzip_bodies_are_refused(run: Run, packed: bytes, status: int) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(post(packed, "Content-Encoding: gzip"))
            assert (await client.answer()).status == status

    run(scenario())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nX: " + b"y" * 3_000, 431),
        (b"POST / HTTP/1.1\r\n" + b"X-A: y\r\n" * 600, 431),
        (b"POST /" + b"y" * 3_000, 431),
        (post(b"{}", "Connection: Upgrade", "Upgrade: h2c"), 400),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 400),
    ],
    ids=["request line", "tls", "length", "endless header", "header flood", "endless target", "upgrade", "tunnel"],
)
def test_what_is_not_http_is_answered_once_and_the_connection_closed(run: Run, sent: bytes, status: int) -> None:
    async def scenario() -> None:
        async with front_door(echo, SMALL) as door, door.client() as client:
            client.send(sent)
            answer = await client.answer()
            assert (answer.status, answer.headers["connection"]) == (status, "close")
            assert await client.ended()

    run(scenario())


def test_requests_before_a_malformed_one_are_still_answered(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door, door.client() as client:
            client.send(post(b"1") + b"NONSENSE\r\n\r\n")
            await handler.until(1)
            handler.answer(b"1")
            assert (await client.answer()).body == b"1"
            assert (await client.answer()).status == 400

    run(scenario())


async def _half_a_head(client: Client) -> None:
    client.send(post(b"{}")[:30])


async def _half_a_body(client: Client) -> None:
    client.send(post(b"x" * 900)[:-1])


@pytest.mark.parametrize("part", [_half_a_head, _half_a_body], ids=["head", "body"])
def test_a_request_that_trickles_in_is_given_up(
    run: Run, part: Callable[[Client], Coroutine[None, None, None]]
) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door, door.client() as client:
            await part(client)
            await door.until(lambda: (c := door.only_connection()) is not None and c._phase.name != "IDLE")
            await door.pass_time(61.0)
            assert (await client.answer()).status == 408
            assert await client.ended()

    run(scenario())


def test_trickling_bytes_do_not_extend_the_time_for_a_head(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door, door.client() as client:
            for byte in post(b"{}")[:12]:
                client.send(bytes([byte]))
                await asyncio.sleep(0.001)
                await door.pass_time(1.0)
            assert (await client.answer()).status == 408

    run(scenario())


def test_an_idle_connection_is_closed_silently_and_a_waiting_one_is_not(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door, door.client() as idle, door.client() as busy:
            busy.send(post(b"1"))
            await handler.until(1)
            await door.pass_time(80.0)
            assert await idle.ended()
            handler.answer(b"1")
            assert (await busy.answer()).body == b"1"

    run(scenario())


def test_connection_close_and_http_1_0_are_honoured(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door:
            for sent in (post(b"{}", "Connection: close"), post(b"{}", version="1.0")):
                async with door.client() as client:
                    client.send(sent)
                    assert (await client.answer()).headers["connection"] == "close"
                    assert await client.ended()
            async with door.client() as client:
                client.send(post(b"{}", "Connection: keep-alive", version="1.0"))
                assert (await client.answer()).headers["connection"] == "keep-alive"
                client.send(post(b"{}"))
                assert (await client.answer()).status == 200

    run(scenario())


def test_a_client_that_half_closes_still_gets_its_answer(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door, door.client() as client:
            client.send(post(b"1"))
            client.writer.write_eof()
            await handler.until(1)
            handler.answer(b"1")
            assert (await client.answer()).body == b"1"
            assert await client.ended()

    run(scenario())


def test_an_answer_for_a_client_that_left_harms_nobody(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door:
            async with door.client() as client:
                client.send(post(b"1"))
                await handler.until(1)
                # Reset instead of a polite close, which would still leave the answer a taker.
                sock = client.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await door.until(lambda: door.only_connection() is None)
            handler.answer(b"1")
            await asyncio.sleep(0)
            async with door.client() as client:
                client.send(post(b"2"))
                await handler.until(2)
                handler.answer(b"2")
                assert (await client.answer()).body == b"2"

    run(scenario())


def test_domain_errors_become_aws_bodies_whether_raised_or_set_on_the_future(run: Run) -> None:
    async def scenario() -> None:
        def raising(request: Request) -> asyncio.Future[Response]:
            error = ResourceNotFoundError("Requested resource not found")
            if request.body == b"now":
                raise error
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
            return future

        async with front_door(raising) as door, door.client() as client:
            for body in (b"now", b"later"):
                client.send(post(body))
                answer = await client.answer()
                assert answer.status == 400
                assert answer.body == (
                    b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",'
                    b'"message":"Requested resource not found"}'
                )

    run(scenario())


def test_a_bug_in_a_handler_is_a_500_without_details(run: Run) -> None:
    async def scenario() -> None:
        def broken(_: Request) -> Response:
            raise KeyError("secret")

        async with front_door(broken) as door, door.client() as client:
            client.send(post(b"{}"))
            answer = await client.answer()
            assert (answer.status, b"secret" in answer.body) == (500, False)
            client.send(post(b"{}"))
            assert (await client.answer()).status == 500

    run(scenario())


def test_drain_answers_what_was_asked_closes_the_idle_and_accepts_nobody(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door, door.client() as busy, door.client() as idle:
            busy.send(post(b"1") + post(b"2"))
            await handler.until(2)
            drained = asyncio.create_task(door.server.drain(30.0))
            assert await idle.ended()
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", door.server.port)
            handler.answer(b"1")
            assert "connection" not in (await busy.answer()).headers
            handler.answer(b"2")
            assert (await busy.answer()).headers["connection"] == "close"
            assert await busy.ended()
            await drained

    run(scenario())


def test_drain_cuts_whoever_is_still_busy_at_its_timeout(run: Run) -> None:
    async def scenario() -> None:
        handler = Waiting()
        async with front_door(handler) as door, door.client() as client:
            client.send(post(b"1"))
            await handler.until(1)
            drained = asyncio.create_task(door.server.drain(5.0))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await door.clock.advance(5.0)
            await drained
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await client.answer()

    run(scenario())


def test_a_port_in_use_is_said_so(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door:
            with pytest.raises(AddressInUseError, match=f"port {door.server.port} "):
                await start_server(echo, "127.0.0.1", door.server.port, clock=HandClock(), ids=CountedIds())

    run(scenario())


def test_the_date_follows_the_clock(run: Run) -> None:
    async def scenario() -> None:
        async with front_door(echo) as door, door.client() as client:
            await door.pass_time(2.0)
            client.send(post(b"{}"))
            assert (await client.answer()).headers["date"] == "Thu, 01 Jan 1970 00:16:42 GMT"

    run(scenario())


def test_an_error_keeps_the_item_found_as_it_is_stored() -> None:
    class FailedWithItemError(ConditionalCheckFailedError):
        def extra_fields(self) -> dict[str, Any]:
            return {"Item": b'{"a":{"N":"1.50"}}', "CancellationReasons": [{"Item": b"{}"}]}

    body = error_response(FailedWithItemError()).body
    assert body == (
        b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",'
        b'"message":"The conditional request failed","Item":{"a":{"N":"1.50"}},"CancellationReasons":[{"Item":{}}]}'
    )
