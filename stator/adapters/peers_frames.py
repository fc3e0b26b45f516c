"""Frames on a TCP connection: four bytes of length, big-endian, then so many bytes.

Everything sent in one turn of the loop leaves in one write: with hundreds of calls under way, system calls are what a call
costs.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

FRAME_BYTES_MAX = 128 * 1024 * 1024
"""Twice the largest log message (ports/log.py), which no message between peers comes near."""
_UNSENT_BYTES_MAX = 2 * FRAME_BYTES_MAX
"""A peer that lets this much wait is not reading any more."""
_SILENCE_MS_MAX = 3000
"""Unacknowledged data this old ends a connection; the system's own patience is 15 minutes."""
_LENGTH_BYTES = 4


class FrameConnection(asyncio.Protocol):
    """One connection. `on_frame` gets each whole frame; what it raises ends the connection. `on_lost` is called once."""

    def __init__(
        self, on_frame: "Callable[[FrameConnection, bytes], None]", on_lost: "Callable[[FrameConnection], None]"
    ) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._unsent: list[bytes] = []

    @property
    def open(self) -> bool:
        """Whether frames can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        tcp = self._transport.get_extra_info("socket")
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS_MAX)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """See `asyncio.Protocol`."""
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        received = self._received
        received += data
        start = 0
        while len(received) >= (begin := start + _LENGTH_BYTES):
            end = begin + int.from_bytes(received[start:begin], "big")
            if end - begin > FRAME_BYTES_MAX:
                self.abort()
                return
            if len(received) < end:
                break
            with memoryview(received) as view:
                frame = bytes(view[begin:end])
            start = end
            self._on_frame(self, frame)
        del received[:start]

    def send(self, frame: bytes) -> None:
        """Send a frame with everything else of this turn of the loop. To a connection that is gone it is lost."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent += (len(frame).to_bytes(_LENGTH_BYTES, "big"), frame)

    def _flush(self) -> None:
        frames, self._unsent = self._unsent, []
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join(frames))
        if self._transport.get_write_buffer_size() > _UNSENT_BYTES_MAX:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
