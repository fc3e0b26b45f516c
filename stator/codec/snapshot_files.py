"""A snapshot: all items of one log's fold at one position, as archived files.

A snapshot is a small sealed JSON object (codec/manifests.py) that lists its parts; each part is a framed file with
items in key order, cut so that no more than one is ever held in memory. The list has each part's sha256, so the list's
own sha256 covers everything.

    frames of a part:  key length u32 · timestamp u64 · image length u32 · key · image
    footer of a part:  how many items
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from stator.codec.framed_files import FramedFileBuilder, open_framed_file
from stator.codec.manifests import seal, unseal
from stator.model.errors import DamagedDataError
from stator.model.positions import LogPosition, TimestampUs

_MAGIC = b"SSNP"
_ROW = struct.Struct(">IQI")
_DIGEST_HEX = 32


class SnapshotRow(NamedTuple):
    """One item as stored: key bytes, version, canonical image."""

    key: bytes
    timestamp_us: TimestampUs
    image: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPart:
    """One part, as its snapshot lists it."""

    name: str
    sha256: str
    size_bytes: int
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a snapshot object says: the position folded up to, and where the items are, in key order."""

    position: LogPosition
    parts: tuple[SnapshotPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredSnapshot:
    position: dict[str, Any]
    """The fields of LogPosition without the marks, which are a view's own; the digest as text, because JSON's numbers end at 64
    bits.
    """
    parts: tuple[SnapshotPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartFooter:
    items: int


def digest_text(digest: int) -> str:
    """A digest as people and manifests write it: 32 hex digits."""
    return f"{digest:0{_DIGEST_HEX}x}"


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot object's bytes."""
    position: dict[str, Any] = msgspec.to_builtins(snapshot.position, str_keys=True)
    position["digest"] = digest_text(snapshot.position.digest)
    del position["marks"]
    return seal(_StoredSnapshot(position=position, parts=snapshot.parts))


def decode_snapshot(name: str, data: bytes) -> Snapshot:
    """What a snapshot object says. Raises DamagedDataError, which says `name`."""
    stored = unseal(name, data, _StoredSnapshot)
    try:
        digest = int(stored.position["digest"], 16)
        position = msgspec.convert(stored.position | {"digest": digest}, LogPosition, str_keys=True)
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedDataError(f"{name}: position does not decode: {error}") from error
    return Snapshot(position=position, parts=stored.parts)


class SnapshotPartBuilder:
    """Collects the items of one part, in key order."""

    def __init__(self) -> None:
        self.items = 0
        self._file = FramedFileBuilder(_MAGIC)

    @property
    def size_bytes(self) -> int:
        """About how long the file is now."""
        return self._file.size_bytes

    def add(self, row: SnapshotRow) -> None:
        """Append the next item."""
        self._file.add(_ROW.pack(len(row.key), row.timestamp_us, len(row.image)) + row.key + row.image)
        self.items += 1

    def finish(self) -> bytes:
        """The part's bytes."""
        return self._file.finish(_PartFooter(items=self.items))


def snapshot_part_rows(name: str, data: bytes) -> Iterator[SnapshotRow]:
    """The items of a part. Raises DamagedDataError, which says `name`, at the first call or on the way."""
    footer, frames = open_framed_file(name, _MAGIC, data, _PartFooter)
    items = 0
    for frame in frames:
        at = 0
        while at < len(frame):
            if at + _ROW.size > len(frame):
                raise DamagedDataError(f"{name}: item {items} is cut off")
            key_bytes, timestamp_us, image_bytes = _ROW.unpack_from(frame, at)
            image_at = at + _ROW.size + key_bytes
            end = image_at + image_bytes
            if end > len(frame):
                raise DamagedDataError(f"{name}: item {items} is cut off")
            yield SnapshotRow(
                key=frame[at + _ROW.size : image_at],
                timestamp_us=TimestampUs(timestamp_us),
                image=frame[image_at:end],
            )
            at = end
            items += 1
    if items != footer.items:
        raise DamagedDataError(f"{name}: {items} items, the footer says {footer.items}")
