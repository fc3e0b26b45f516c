"""Answers as bytes: status line, the headers AWS sends with everything, body.

SDKs check `x-amz-crc32` against the body they read, so it is computed here, over exactly the bytes that leave.
"""

from email.utils import formatdate
from http import HTTPStatus
from zlib import crc32

from .http_messages import Response
from .positions import POSITION_HEADER

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_POSITION = POSITION_HEADER.encode()
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ResponseWriter:
    """Turns responses into bytes; the part of the head that changes once a second is kept ready."""

    def __init__(self, now_us: int) -> None:
        self._second = -1
        self._standing = b""
        self._usual = b""
        self.tick(now_us)

    def tick(self, now_us: int) -> None:
        """Renew the `Date` header; call about once a second. `now_us` is wall time in microseconds."""
        second = now_us // 1_000_000
        if second == self._second:
            return
        self._second = second
        self._standing = b"Server: Stator\r\nDate: %b\r\n" % formatdate(second, usegmt=True).encode()
        self._usual = self._prefix(200, "application/x-amz-json-1.0")

    def encode(self, response: Response, request_id: str, connection: bytes = b"") -> bytes:
        """The whole answer. `connection` is a complete header line (with CRLF) or nothing."""
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        if response.status == 200 and response.content_type == "application/x-amz-json-1.0":
            prefix = self._usual
        else:
            prefix = self._prefix(response.status, response.content_type)
        extra = connection
        if response.position:
            extra += b"%b: %b\r\n" % (_POSITION, response.position.encode())
        if response.headers:
            extra += "".join([f"{name}: {value}\r\n" for name, value in response.headers]).encode("latin-1")
        return b"%b%bContent-Length: %d\r\nx-amzn-RequestId: %b\r\nx-amz-crc32: %d\r\n\r\n%b" % (
            prefix,
            extra,
            len(body),
            request_id.encode(),
            crc32(body),
            body,
        )

    def _prefix(self, status: int, content_type: str) -> bytes:
        line = f"HTTP/1.1 {status} {_REASONS[status]}\r\n".encode()
        return line + self._standing + f"Content-Type: {content_type}\r\n".encode("latin-1")
