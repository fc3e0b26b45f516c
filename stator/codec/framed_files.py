"""The container of every archived file that holds data: compressed frames, a footer in JSON, one checksum over all.

    magic, 4 bytes · version, 1 byte
    frames:   compressed length u32 · plain length u32 · zstd frame      (compressed length 0 ends them)
    footer:   JSON
    end:      footer length u32 · CRC-32 of everything before it

All integers big-endian. The checksum is looked at before anything else, so a flipped bit or a missing byte anywhere is
found before a frame is decompressed. It is for honest damage; sha256 in a head says that it is the file we wrote.
"""

import struct
from collections.abc import Iterator
from typing import TypeVar
from zlib import crc32

import msgspec
import zstandard

from stator.model.errors import DamagedDataError

Footer = TypeVar("Footer")

_VERSION = 1
_MAGIC_BYTES = 4
_START_BYTES = _MAGIC_BYTES + 1
_FRAME = struct.Struct(">II")
_END_OF_FRAMES = _FRAME.pack(0, 0)
_FOOTER_LENGTH = struct.Struct(">I")
_CRC = struct.Struct(">I")

FRAME_BYTES = 256 * 1024
"""Plain bytes in a frame: about a millisecond of compression, which may happen on the event loop."""


class FramedFileBuilder:
    """Builds one file. Only compressed bytes and the open frame are held."""

    def __init__(self, magic: bytes) -> None:
        assert len(magic) == _MAGIC_BYTES, magic
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._chunks = [magic, bytes([_VERSION])]
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._closed_bytes = 0

    @property
    def size_bytes(self) -> int:
        """What the file has now, the open frame counted uncompressed."""
        return self._closed_bytes + self._open_bytes

    def add(self, entry: bytes) -> None:
        """Append to the open frame; a frame that is large enough is compressed. An entry never spans two frames."""
        self._open.append(entry)
        self._open_bytes += len(entry)
        if self._open_bytes >= FRAME_BYTES:
            self._close_frame()

    def finish(self, footer: object) -> bytes:
        """The file's bytes. The builder cannot be used any more."""
        if self._open:
            self._close_frame()
        text = msgspec.json.encode(footer)
        self._chunks += (_END_OF_FRAMES, text, _FOOTER_LENGTH.pack(len(text)))
        body = b"".join(self._chunks)
        return body + _CRC.pack(crc32(body))

    def _close_frame(self) -> None:
        compressed = self._compressor.compress(b"".join(self._open))
        self._chunks += (_FRAME.pack(len(compressed), self._open_bytes), compressed)
        self._closed_bytes += _FRAME.size + len(compressed)
        self._open = []
        self._open_bytes = 0


def open_framed_file(name: str, magic: bytes, data: bytes, footer_type: type[Footer]) -> tuple[Footer, Iterator[bytes]]:
    """Check a file and give its footer and its frames, decompressed one at a time.

    Raises DamagedDataError, which says `name`, for anything that `FramedFileBuilder` did not write.
    """
    end = len(data) - _CRC.size - _FOOTER_LENGTH.size
    if end < _START_BYTES + len(_END_OF_FRAMES):
        raise DamagedDataError(f"{name}: {len(data)} bytes are less than an empty file")
    if crc32(memoryview(data)[: -_CRC.size]) != _CRC.unpack_from(data, len(data) - _CRC.size)[0]:
        raise DamagedDataError(f"{name}: checksum does not match")
    if data[:_START_BYTES] != magic + bytes([_VERSION]):
        raise DamagedDataError(f"{name}: starts with {data[:_START_BYTES]!r}, not {magic!r} version {_VERSION}")
    footer_start = end - _FOOTER_LENGTH.unpack_from(data, end)[0]
    if footer_start < _START_BYTES + len(_END_OF_FRAMES):
        raise DamagedDataError(f"{name}: footer is longer than the file")
    try:
        footer = msgspec.json.decode(data[footer_start:end], type=footer_type)
    except msgspec.MsgspecError as error:
        raise DamagedDataError(f"{name}: footer does not decode: {error}") from error
    return footer, _frames(name, memoryview(data)[_START_BYTES:footer_start])


def _frames(name: str, body: memoryview) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    at = 0
    while at + _FRAME.size <= len(body):
        compressed_bytes, plain_bytes = _FRAME.unpack_from(body, at)
        at += _FRAME.size
        if compressed_bytes == 0:
            break
        try:
            plain = decompressor.decompress(body[at : at + compressed_bytes], max_output_size=plain_bytes)
        except zstandard.ZstdError as error:
            raise DamagedDataError(f"{name}: frame does not decompress: {error}") from error
        if len(plain) != plain_bytes:
            raise DamagedDataError(f"{name}: frame of {len(plain)} bytes announces {plain_bytes}")
        at += compressed_bytes
        yield plain
    if at != len(body):
        raise DamagedDataError(f"{name}: frames end at byte {at} of {len(body)}")
