"""What the front door hands to a handler and what it takes back; no socket in sight.

A handler answers with a `Response`, or with a future of one when it must wait for the log. It is never a coroutine:
a task per request costs more than all the parsing.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec


class Request(msgspec.Struct, frozen=True):
    """One complete HTTP request.

    `path` is as sent, query included. `target` is the `X-Amz-Target` header. `headers` has lower-case names; a
    repeated header's values are joined by a comma. `wire_body` is what was sent (signatures cover it), `body` the
    same after content decoding.
    """

    method: str
    path: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    wire_body: bytes
    request_id: str


class Usage(msgspec.Struct, frozen=True):
    """What an answer cost a table, or an index of it (`index`, else empty): for the meters, not for the client."""

    table: str
    index: str = ""
    read_units: float = 0.0
    write_units: float = 0.0
    items: int = 0
    records: int = 0
    """Change records, of GetRecords."""


class Response(msgspec.Struct):
    """One answer. `headers` are added to the standing ones; the body may be handed over in pieces to spare a copy.

    `error` is AWS's name of the error that it tells. `position`: the token of how far the client has seen the logs now; added
    to an answer that is made for one request.
    """

    status: int
    body: bytes | list[bytes] = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/x-amz-json-1.0"
    usage: tuple[Usage, ...] = ()
    error: str = ""
    position: str = ""


Handler = Callable[[Request], Response | asyncio.Future[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """What one client may cost us. All durations are checked every `sweep_s` and are that coarse."""

    body_bytes_max: int = 16 * 1024 * 1024 + 64 * 1024
    """DynamoDB takes requests of 16 MB; the slack is for JSON around a full batch."""
    drain_bytes_max: int = 64 * 1024 * 1024
    """A refused body up to this size is read and dropped so that the connection can live on."""
    head_bytes_max: int = 32 * 1024
    pipelined_max: int = 64
    """Requests waiting for an answer on one connection before we stop reading from it."""
    idle_s: float = 75.0
    """Above the 60 s after which SDKs drop idle connections: the client closes first, and no request races it."""
    head_s: float = 10.0
    body_s: float = 60.0
    stall_s: float = 60.0
    """How long a peer may leave our answer unread."""
    linger_s: float = 2.0
    """How long we read on after a final answer: closing on unread bytes resets the connection and loses the answer."""
    sweep_s: float = 1.0
