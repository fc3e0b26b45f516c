"""Objects of the archive, checked on the way in and on the way out.

What a head lists was read back before; what is used is, by its sha256, what was listed.
"""

from hashlib import sha256

from stator.codec.manifests import decode_segments_head, decode_snapshots_head
from stator.model.archive import SegmentsHead, SnapshotsHead, segments_head_name, snapshots_head_name
from stator.model.errors import DamagedDataError
from stator.model.positions import LogId
from stator.ports.archive import Archive, ObjectNotFoundError


async def store_verified(archive: Archive, name: str, data: bytes) -> str:
    """Put an object and read it back; its sha256 in hexadecimal.

    Raises OSError when the store is away or gives other bytes back: put it again.
    """
    await archive.put(name, data)
    try:
        stored = await archive.get(name)
    except ObjectNotFoundError as error:
        raise OSError(f"{name}: not there after it was put") from error
    if stored != data:
        raise OSError(f"{name}: read back other than it was put")
    return sha256(data).hexdigest()


async def fetch_verified(archive: Archive, name: str, expected_sha256: str) -> bytes:
    """Get an object that a head or a record names.

    Raises DamagedDataError, which says the name, when it is missing or changed; OSError when the store is away.
    """
    try:
        data = await archive.get(name)
    except ObjectNotFoundError as error:
        raise DamagedDataError(f"{name}: listed, but not in the archive") from error
    if sha256(data).hexdigest() != expected_sha256:
        raise DamagedDataError(f"{name}: sha256 is not the one listed")
    return data


async def load_segments_head(archive: Archive, log_id: LogId) -> SegmentsHead:
    """The segments of a log; an empty head when none was shipped yet. Raises DamagedDataError, OSError."""
    name = segments_head_name(log_id)
    try:
        return decode_segments_head(name, await archive.get(name))
    except ObjectNotFoundError:
        return SegmentsHead(log_id=log_id)


async def load_snapshots_head(archive: Archive, log_id: LogId) -> SnapshotsHead:
    """The snapshots of a log; an empty head when there is none. Raises DamagedDataError, OSError."""
    name = snapshots_head_name(log_id)
    try:
        return decode_snapshots_head(name, await archive.get(name))
    except ObjectNotFoundError:
        return SnapshotsHead(log_id=log_id)
