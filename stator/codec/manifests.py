"""Heads and other small archived objects: JSON that people can read, sealed so that damage is found.

    {"version": 1, "sha256": "<of the body's bytes>", "body": {…}}

JSON and not Avro: an operator whose cluster is gone must be able to read them with nothing but a pager. A reader
ignores members it does not know, so a body may gain some; a change of meaning takes a new version.
"""

from hashlib import sha256
from typing import TypeVar

import msgspec

from stator.model.archive import SegmentsHead, SnapshotsHead
from stator.model.errors import DamagedDataError

Body = TypeVar("Body")

_VERSION = 1


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    sha256: str
    body: msgspec.Raw


def seal(body: object) -> bytes:
    """A body (a dataclass) as the bytes of an object."""
    text = msgspec.json.encode(body)
    return msgspec.json.encode(_Sealed(version=_VERSION, sha256=sha256(text).hexdigest(), body=msgspec.Raw(text)))


def unseal(name: str, data: bytes, body_type: type[Body]) -> Body:
    """The body in an object's bytes. Raises DamagedDataError, which says `name`."""
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
        if sealed.version != _VERSION:
            raise DamagedDataError(f"{name}: version {sealed.version}, this program reads {_VERSION}")
        if sha256(sealed.body).hexdigest() != sealed.sha256:
            raise DamagedDataError(f"{name}: checksum does not match")
        return msgspec.json.decode(sealed.body, type=body_type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedDataError(f"{name}: does not decode: {error}") from error


def encode_segments_head(head: SegmentsHead) -> bytes:
    """The bytes of a segments head."""
    return seal(head)


def decode_segments_head(name: str, data: bytes) -> SegmentsHead:
    """A segments head. Raises DamagedDataError when it is damaged, or its segments leave a gap or overlap."""
    head = unseal(name, data, SegmentsHead)
    for earlier, later in zip(head.segments, head.segments[1:], strict=False):
        if later.first_offset != earlier.next_offset:
            raise DamagedDataError(f"{name}: {later.name} does not follow {earlier.name}")
    return head


def encode_snapshots_head(head: SnapshotsHead) -> bytes:
    """The bytes of a snapshots head."""
    return seal(head)


def decode_snapshots_head(name: str, data: bytes) -> SnapshotsHead:
    """A snapshots head. Raises DamagedDataError when it is damaged."""
    return unseal(name, data, SnapshotsHead)
