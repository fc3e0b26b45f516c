"""One client connection: bytes in, answers out, in the order of the requests.

The thing not to break: a slot is appended for every answer we owe, in request order, and only the slot at the head
of the queue may be written. Whatever completes early waits in its slot.

    idle ──first byte──▶ head ──blank line──▶ body ──last byte──▶ idle      (a request is handed out at its last byte)
    any ──parse error, limit, timeout──▶ lingering ──peer closes or linger_s──▶ closed
"""

import asyncio
import zlib
from collections import deque
from enum import Enum, auto
from typing import Protocol, cast

import httptools
import msgspec

from stator.ports.identity import IdSource

from .error_bodies import error_body, error_response
from .http_messages import Handler, HttpLimits, Request, Response
from .plain_answers import plain_answer
from .positions import POSITION_HEADER
from .response_wire import CONTINUE, ResponseWriter

_NEVER = float("inf")
_CROSS_ORIGIN = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", POSITION_HEADER))
_CLOSE = b"Connection: close\r\n"
_KEEP_ALIVE = b"Connection: keep-alive\r\n"
_TOO_LARGE = Response(413, error_body("RequestEntityTooLargeException", "Request size exceeded the maximum of 16 MB"))
_BAD_ENCODING = Response(400, error_body("SerializationException", "The request body could not be decompressed"))
_GZIP_WINDOW = 31  # zlib: largest window, gzip framing


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    LINGERING = auto()


class Host(Protocol):
    """What a connection needs of its server."""

    handler: Handler
    ids: IdSource
    limits: HttpLimits
    loop: asyncio.AbstractEventLoop
    writer: ResponseWriter
    coarse_now: float
    draining: bool

    def joined(self, connection: "HttpConnection") -> None:
        """A connection opened."""

    def left(self, connection: "HttpConnection") -> None:
        """A connection is gone, for whatever reason."""


class _Slot:
    """One answer we owe: empty until its handler is done, then the bytes to send."""

    __slots__ = ("cross_origin", "keep_alive", "owner", "request_id", "version", "wire")

    def __init__(self, owner: "HttpConnection", request_id: str, version: str, *, keep_alive: bool) -> None:
        self.owner = owner
        self.request_id = request_id
        self.version = version
        self.keep_alive = keep_alive
        self.cross_origin = False
        self.wire: bytes | None = None

    def resolve(self, future: asyncio.Future[Response]) -> None:
        """Done-callback of a handler's future."""
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        self.fill(error_response(error) if error is not None else future.result())
        self.owner.slot_filled()

    def fill(self, response: Response) -> None:
        """Keep the answer, encoded; sending it is the connection's business."""
        if self.cross_origin:
            response = msgspec.structs.replace(response, headers=(*response.headers, *_CROSS_ORIGIN))
        host = self.owner.host
        if host.draining and self.owner.ends_with(self):
            self.keep_alive = False
        line = b"" if self.version == "1.1" else _KEEP_ALIVE
        self.wire = host.writer.encode(response, self.request_id, line if self.keep_alive else _CLOSE)


class HttpConnection(asyncio.Protocol):
    """The asyncio protocol; also the callbacks of its httptools parser (`on_*`)."""

    deadline: float
    """When the sweep calls `expire`, by the server's coarse monotonic clock."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._limits = host.limits
        self._parser = httptools.HttpRequestParser(self)
        self._slots: deque[_Slot] = deque()
        self._phase = _Phase.IDLE
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_refused = False
        self._feeding = False
        self._last = False  # no further request is read; close when the slots are empty
        self._abrupt = False  # the peer may still be sending when we close
        self._write_paused = False
        self._read_paused = False
        self._flush_due = False
        self.deadline = _NEVER

    # --- transport ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._rearm()
        self.host.joined(self)
        if self.host.draining:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Gone: whatever is still owed has no taker, though its effects stand."""
        self._last = True
        self._slots.clear()
        self.host.left(self)

    def eof_received(self) -> bool:
        """A client may half-close and still wait for its answers."""
        self._last = True
        return bool(self._slots)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then write what it led to in one piece."""
        if self._last:
            return
        self._feeding = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            if not self._last:
                raise
        except httptools.HttpParserError:
            self._refuse(400)
        self._feeding = False
        if self._phase is _Phase.HEAD:
            # A header still incomplete lives inside the parser, where only the bytes fed tell its size.
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes_max:
                self._refuse(431)
        self._flush()

    def pause_writing(self) -> None:
        """The peer does not read: ask it for nothing more either."""
        self._write_paused = True
        self._pace()
        self._rearm()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._write_paused = False
        self._pace()
        self._rearm()
        self._flush()

    # --- parser ------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """First byte of a request."""
        self._phase = _Phase.HEAD
        self.deadline = self.host.coarse_now + self._limits.head_s
        self._url = b""
        self._headers = {}
        self._head_bytes = 0
        self._body = []
        self._body_bytes = 0
        self._body_refused = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete header, or a trailer."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.head_bytes_max:
            self._refuse(431)
            raise ConnectionAbortedError
        if self._phase is _Phase.BODY:  # a trailer of a chunked body: nothing we act on may come that late
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key in self._headers:
            text = f"{self._headers[key]},{text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        """The blank line: decide what to do with the body before it comes."""
        self._phase = _Phase.BODY
        self.deadline = self.host.coarse_now + self._limits.body_s
        if len(self._url) > self._limits.head_bytes_max:
            self._refuse(414)
            raise ConnectionAbortedError
        if self._parser.should_upgrade():  # another protocol, or a tunnel: the parser would not read the body
            self._refuse(400)
            raise ConnectionAbortedError
        headers = self._headers
        declared = int(headers.get("content-length") or 0)
        self._body_refused = declared > self._limits.body_bytes_max
        expects_continue = "expect" in headers and headers["expect"].lower() == "100-continue"
        if declared > self._limits.drain_bytes_max or (expects_continue and self._body_refused):
            self._finish(_TOO_LARGE)
            raise ConnectionAbortedError
        if expects_continue:
            go_on = _Slot(self, "", "1.1", keep_alive=True)
            go_on.wire = CONTINUE
            self._slots.append(go_on)

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(part)
        if self._body_bytes > self._limits.drain_bytes_max:
            self._finish(_TOO_LARGE)
            raise ConnectionAbortedError
        if self._body_refused or self._body_bytes > self._limits.body_bytes_max:
            self._body_refused = True
            self._body.clear()
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Last byte of a request: hand it out."""
        if self._last:
            return
        self._phase = _Phase.IDLE
        self.deadline = _NEVER
        parser = self._parser
        slot = _Slot(self, self.host.ids.request_id(), parser.get_http_version(), keep_alive=parser.should_keep_alive())
        slot.cross_origin = "origin" in self._headers
        self._slots.append(slot)
        self._last = not slot.keep_alive
        answer = self._answer(slot.request_id)
        if isinstance(answer, Response):
            slot.fill(answer)
        else:
            answer.add_done_callback(slot.resolve)
            self._pace()

    # --- answers -----------------------------------------------------------------------------------------------

    def slot_filled(self) -> None:
        """A future completed. With answers behind it, wait for the loop's next turn: they often come in one burst."""
        if len(self._slots) <= 1:
            self._flush()
        elif not self._flush_due:
            self._flush_due = True
            self.host.loop.call_soon(self._flush)

    def expire(self) -> None:
        """The deadline has passed: the client was too slow, or silent for long enough."""
        if self._write_paused or self._phase is _Phase.LINGERING:
            self._transport.abort()
        elif self._phase is _Phase.IDLE:
            self._transport.close()
        else:
            self._refuse(408)
            self._flush()

    def drain(self) -> None:
        """Answer what was asked, then close; a connection that owes nothing closes at once."""
        if self._phase is _Phase.IDLE:
            self._last = True
            self._flush()

    def ends_with(self, slot: _Slot) -> bool:
        """Whether no further answer will follow this one, if nothing more is read."""
        return self._phase is _Phase.IDLE and bool(self._slots) and self._slots[-1] is slot

    def abort(self) -> None:
        """Close without waiting for anything."""
        self._transport.abort()

    def _answer(self, request_id: str) -> Response | asyncio.Future[Response]:
        if self._body_refused:
            return _TOO_LARGE
        headers = self._headers
        method = self._parser.get_method().decode("ascii")
        path = self._url.decode("latin-1")
        wire_body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        plain = plain_answer(method, path, headers, wire_body)
        if plain is not None:
            return plain
        body = wire_body
        if headers.get("content-encoding") == "gzip":
            inflated = self._inflate(wire_body)
            if isinstance(inflated, Response):
                return inflated
            body = inflated
        request = Request(method, path, headers["x-amz-target"], headers, body, wire_body, request_id)
        try:
            return self.host.handler(request)
        except Exception as error:  # noqa: BLE001 - the boundary: whatever a handler raises becomes an answer
            return error_response(error)

    def _inflate(self, packed: bytes) -> bytes | Response:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            body = inflater.decompress(packed, self._limits.body_bytes_max)
        except zlib.error:
            return _BAD_ENCODING
        if inflater.unconsumed_tail:
            return _TOO_LARGE
        return body if inflater.eof else _BAD_ENCODING

    def _refuse(self, status: int) -> None:
        """Answer what is not HTTP, or too much of it, with a bare status."""
        self._finish(Response(status, content_type="text/plain"))

    def _finish(self, response: Response) -> None:
        """Owe one last answer, then close: the rest of the stream cannot be trusted."""
        if self._last:
            return
        self._last = True
        self._abrupt = True
        slot = _Slot(self, self.host.ids.request_id(), "1.1", keep_alive=False)
        slot.fill(response)
        self._slots.append(slot)

    def _flush(self) -> None:
        """Write every filled slot at the head of the queue, as one piece."""
        self._flush_due = False
        if self._feeding or self._write_paused or self._transport.is_closing():
            return
        slots = self._slots
        ready: list[bytes] = []
        while slots and (wire := slots[0].wire) is not None:
            ready.append(wire)
            if not slots.popleft().keep_alive:
                self._last = True
                slots.clear()
        if ready:
            self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if self._read_paused:
            self._pace()
        if not slots:
            if self._last:
                self._close()
            elif self._phase is _Phase.IDLE:
                self._rearm()

    def _close(self) -> None:
        if not self._abrupt:
            self._transport.close()
        elif self._phase is not _Phase.LINGERING:
            self._phase = _Phase.LINGERING
            self._transport.write_eof()
            self._rearm()

    def _pace(self) -> None:
        """Read only while the peer takes our answers and has not asked for too many at once."""
        pause = self._write_paused or len(self._slots) >= self._limits.pipelined_max
        if pause == self._read_paused or self._transport.is_closing():
            return
        self._read_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            self._rearm()

    def _rearm(self) -> None:
        """Give the current state its full time again; waiting for our own handlers has no deadline here."""
        limits = self._limits
        if self._write_paused:
            allowed_s = limits.stall_s
        elif self._phase is _Phase.LINGERING:
            allowed_s = limits.linger_s
        elif self._read_paused:
            allowed_s = _NEVER
        elif self._phase is _Phase.HEAD:
            allowed_s = limits.head_s
        elif self._phase is _Phase.BODY:
            allowed_s = limits.body_s
        else:
            allowed_s = _NEVER if self._slots else limits.idle_s
        self.deadline = self.host.coarse_now + allowed_s
