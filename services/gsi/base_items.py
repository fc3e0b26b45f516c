"""The items that a log starts with, from the snapshot that its Base record names: what an index is backfilled from."""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice

from stator.codec.snapshot_files import SnapshotRow, decode_snapshot, snapshot_part_rows
from stator.model.records import Base
from stator.ports.archive import Archive
from stator.runtime.archived_objects import fetch_verified

ITEMS_PER_BATCH = 256

BaseItems = Callable[[Base], AsyncIterator[Sequence[SnapshotRow]]]
"""All items of a base, in batches. Raises DamagedDataError; OSError when the archive is away: start again."""


def archived_base_items(archive: Archive) -> BaseItems:
    """Base items from the archive."""

    async def read(base: Base) -> AsyncIterator[Sequence[SnapshotRow]]:
        name = base.snapshot_object
        snapshot = decode_snapshot(name, await fetch_verified(archive, name, base.sha256.hex()))
        for part in snapshot.parts:
            rows = snapshot_part_rows(part.name, await fetch_verified(archive, part.name, part.sha256))
            while batch := list(islice(rows, ITEMS_PER_BATCH)):
                yield batch

    return read
