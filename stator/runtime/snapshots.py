"""Snapshots between a view and the archive: written from a view that stands still, loaded into one that starts.

Both directions add the items' digests up again and compare: a view that has drifted from its log is not archived, and a
snapshot that lost an item is not served. Work is cut into short turns of the loop.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from stator.codec.snapshot_files import (
    Snapshot,
    SnapshotPart,
    SnapshotPartBuilder,
    SnapshotRow,
    decode_snapshot,
    digest_text,
    encode_snapshot,
    snapshot_part_rows,
)
from stator.model.archive import SnapshotEntry
from stator.model.errors import DamagedDataError, DivergedError
from stator.model.positions import LogPosition
from stator.model.records import Base
from stator.ports.archive import Archive
from stator.ports.clock import Clock
from stator.ports.view import Change, StoredItem, ViewWriter
from stator.runtime.archived_objects import fetch_verified, store_verified
from stator.runtime.patience import persist
from stator.runtime.totals import Totals

ITEMS_PER_TURN = 256
"""Items handled before other tasks get a turn: some milliseconds, a view's write and the digest included."""

PART_BYTES = 32 * 1024 * 1024
"""About how long a part is: what writing or loading a snapshot holds in memory."""

Advance = Callable[[int], None]
"""Told how many more items or messages are done."""

Placed = Callable[[LogPosition], LogPosition]
"""Where a view shall stand that was filled from a snapshot, given where the snapshot stood."""


class Snapshots:
    """Writes and loads snapshots of one archive."""

    def __init__(self, archive: Archive, clock: Clock, part_bytes: int = PART_BYTES) -> None:
        self._archive = archive
        self._clock = clock
        self._part_bytes = part_bytes

    async def write(self, name: str, rows: Iterable[tuple[bytes, StoredItem]], position: LogPosition) -> SnapshotEntry:
        """Archive all items of a view, `rows` in key order, as they stand at `position`.

        `name` ends in ".snap". The snapshot object comes last: a crash leaves parts that nothing names. The same view
        gives the same objects. Raises DivergedError when the items do not add up to the position; OSError as the archive
        does.
        """
        totals = Totals()
        parts: list[SnapshotPart] = []
        part = SnapshotPartBuilder()
        remaining = iter(rows)
        while turn := list(islice(remaining, ITEMS_PER_TURN)):
            for key, item in turn:
                part.add(SnapshotRow(key, item.timestamp_us, item.image))
                totals.add(key, item.image)
                if part.size_bytes >= self._part_bytes:
                    parts.append(await self._store_part(name, len(parts), part))
                    part = SnapshotPartBuilder()
            await self._clock.sleep(0)
        if part.items:
            parts.append(await self._store_part(name, len(parts), part))
        if wrong := totals.contradict(position):
            raise DivergedError(f"{name}: the view holds {wrong}")
        listing = encode_snapshot(Snapshot(position=position, parts=tuple(parts)))
        return SnapshotEntry(
            name=name,
            next_offset=position.next_offset,
            timestamp_us=position.timestamp_us,
            sha256=await store_verified(self._archive, name, listing),
            digest=digest_text(position.digest),
            items=position.items,
        )

    async def load(
        self,
        name: str,
        sha256: str,
        view: ViewWriter,
        *,
        placed: Placed = lambda position: position,
        advance: Advance = lambda _: None,
    ) -> LogPosition:
        """Replace all that a view holds by a snapshot, and leave the view at `placed(position of the snapshot)`.

        Until the last item is in, the view stands at offset 0 but is not empty: whoever finds a view at offset 0 clears
        it (`install` of nothing) before folding. Raises DamagedDataError, and OSError as the archive and the view do.
        """
        snapshot = decode_snapshot(name, await fetch_verified(self._archive, name, sha256))
        view.install((), LogPosition())
        totals = Totals()
        for part in snapshot.parts:
            rows = snapshot_part_rows(part.name, await fetch_verified(self._archive, part.name, part.sha256))
            while changes := list(_changes(islice(rows, ITEMS_PER_TURN), totals)):
                view.apply(changes, LogPosition())
                advance(len(changes))
                await self._clock.sleep(0)
        if wrong := totals.contradict(snapshot.position):
            raise DamagedDataError(f"{name}: {wrong}")
        position = placed(snapshot.position)
        view.apply((), position)
        return position

    async def install_base(self, base: Base, view: ViewWriter, position: LogPosition) -> None:
        """Fill a view from the snapshot that a Base record names; it then stands at `position`, totals completed.

        Waits for an archive that is away. Raises DamagedDataError when the snapshot is not the one announced.
        """

        def placed(taken: LogPosition) -> LogPosition:
            return replace(position, digest=taken.digest, items=taken.items, item_bytes=taken.item_bytes)

        name, sha256 = base.snapshot_object, base.sha256.hex()
        after = await persist(self._clock, name, lambda: self.load(name, sha256, view, placed=placed))
        if after.digest != base.digest:
            raise DamagedDataError(f"{base.snapshot_object}: has not the digest that the Base record announces")

    async def _store_part(self, name: str, number: int, part: SnapshotPartBuilder) -> SnapshotPart:
        part_name = f"{name.removesuffix('.snap')}/{number:06d}.part"
        data = part.finish()
        sha256 = await store_verified(self._archive, part_name, data)
        return SnapshotPart(name=part_name, sha256=sha256, size_bytes=len(data), items=part.items)


def _changes(rows: Iterable[SnapshotRow], totals: Totals) -> Iterator[Change]:
    for row in rows:
        totals.add(row.key, row.image)
        yield Change(row.key, StoredItem(row.timestamp_us, row.image))
