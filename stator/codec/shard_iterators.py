"""Shard iterators as text: a place in a shard and when it was handed out, for whoever brings it back.

The text says everything, so any router takes any other's, and none remembers one. The checksum finds what was cut off or
mixed up; it is no secret. Not to break: a text of another version is refused as invalid, and clients then ask for a new one.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from stator.model.changes import ChangePoint, ShardCursor
from stator.model.errors import ValidationError
from stator.model.positions import Offset

_VERSION = "1"
_CHECK_BYTES = 8
_ALPHABET = b"-_"
_INVALID = "Invalid ShardIterator"


@dataclass(frozen=True, slots=True)
class ShardIterator:
    """Where to read on in which shard. `issued_us`: microseconds since 1970."""

    stream_arn: str
    shard_id: str
    cursor: ShardCursor
    issued_us: int


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    shard_id: str
    offset: int
    index: int
    hint: str
    issued_us: int


_decoder = msgspec.msgpack.Decoder(_Place)


def encode_iterator(iterator: ShardIterator) -> str:
    """`<stream ARN>|1|<base64>`, in the manner of DynamoDB's."""
    point = iterator.cursor.point
    place = _Place(iterator.shard_id, point.offset, point.index, iterator.cursor.hint, iterator.issued_us)
    packed = msgspec.msgpack.encode(place)
    text = b64encode(_check(iterator.stream_arn, packed) + packed, _ALPHABET).decode()
    return f"{iterator.stream_arn}|{_VERSION}|{text}"


def decode_iterator(text: str) -> ShardIterator:
    """The iterator again. Raises ValidationError for what was never handed out."""
    arn, _, rest = text.partition("|")
    try:
        data = b64decode(rest.partition("|")[2].encode("ascii"), _ALPHABET)
        place = _decoder.decode(data[_CHECK_BYTES:])
    except (ValueError, msgspec.DecodeError):
        raise ValidationError(_INVALID) from None
    cursor = ShardCursor(ChangePoint(Offset(place.offset), place.index), place.hint)
    iterator = ShardIterator(arn, place.shard_id, cursor, place.issued_us)
    if not arn.isascii() or encode_iterator(iterator) != text:
        raise ValidationError(_INVALID)
    return iterator


def _check(arn: str, packed: bytes) -> bytes:
    return blake2b(arn.encode() + b"|" + packed, digest_size=_CHECK_BYTES).digest()
