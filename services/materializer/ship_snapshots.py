"""Ships snapshots of one log's view, so that a restore or a late reader replays little.

A snapshot is of one position: the view is read as it stood when the snapshot began, while it moves on. Snapshots are a
convenience: the segments alone hold everything, so an archive that is away costs nothing but a later snapshot.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from stator.codec.manifests import encode_snapshots_head
from stator.model.archive import SnapshotEntry, snapshot_name, snapshots_head_name
from stator.model.errors import DamagedDataError, DivergedError
from stator.model.positions import LogId, Offset
from stator.ports.archive import Archive
from stator.ports.clock import Clock
from stator.ports.view import ViewReader
from stator.runtime.archived_objects import load_segments_head, load_snapshots_head, store_verified
from stator.runtime.replica import Replica
from stator.runtime.snapshots import Snapshots

_log = structlog.get_logger()

SWEEP_S = 30.0
"""Between two looks at the same view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLimits:
    """When the next snapshot is due: so many log records, or archived bytes of log, behind the last one."""

    records: int = 10_000
    segment_bytes: int = 64 * 1024 * 1024


class SnapshotShipper:
    """Snapshots of one view: `ship` takes one, `due` says when that is worth its while."""

    def __init__(self, view: ViewReader, archive: Archive, clock: Clock, log_id: LogId, limits: SnapshotLimits) -> None:
        self._view = view
        self._archive = archive
        self._clock = clock
        self._log_id = log_id
        self._limits = limits
        self._snapshots = Snapshots(archive, clock)
        self._last: SnapshotEntry | None = None
        self._shipping = asyncio.Lock()

    async def ship(self) -> SnapshotEntry:
        """Archive the view as it stands and list it; the last one again if the view has not moved since.

        Raises OSError when the archive is away, DivergedError when the view does not add up to its own digest: it has drifted
        from its log, and DamagedDataError when what is archived does not check.
        """
        async with self._shipping:
            await self._find_last()
            if self._last is not None and self._last.next_offset == self._view.position.next_offset:
                return self._last
            with self._view.snapshot() as (position, items):
                name = snapshot_name(self._log_id, position.next_offset)
                entry = await self._snapshots.write(name, items, position)
            await self._list(entry)
            self._last = entry
        _log.info("snapshot_shipped", log_id=self._log_id, next_offset=entry.next_offset, items=entry.items)
        return entry

    async def due(self) -> bool:
        """Whether the log has moved far enough beyond the last snapshot. Raises OSError when the archive is away."""
        await self._find_last()
        last = Offset(0) if self._last is None else self._last.next_offset
        records = self._view.position.next_offset - last
        if records <= 0:
            return False
        if records >= self._limits.records:
            return True
        head = await load_segments_head(self._archive, self._log_id)
        behind = sum(segment.size_bytes for segment in head.segments if segment.first_offset >= last)
        return behind >= self._limits.segment_bytes

    async def _find_last(self) -> None:
        if self._last is None:
            head = await load_snapshots_head(self._archive, self._log_id)
            self._last = max(head.snapshots, key=lambda entry: entry.next_offset, default=None)

    async def _list(self, entry: SnapshotEntry) -> None:
        """Enter a snapshot into the head as it is now: the log's other view may have shipped one meanwhile."""
        head = await load_snapshots_head(self._archive, self._log_id)
        entries = {known.next_offset: known for known in head.snapshots} | {entry.next_offset: entry}
        listed = replace(head, snapshots=tuple(entries[offset] for offset in sorted(entries)))
        await store_verified(self._archive, snapshots_head_name(self._log_id), encode_snapshots_head(listed))


class SnapshotSweep:
    """Goes over the views of a process and ships what is due: one loop for all, however many there are."""

    def __init__(
        self,
        replicas: Callable[[], Iterable[Replica]],
        archive: Archive,
        clock: Clock,
        limits: SnapshotLimits,
        mine: Callable[[LogId], bool],
    ) -> None:
        self._replicas = replicas
        self._archive = archive
        self._clock = clock
        self._limits = limits
        self._mine = mine
        self._shippers: dict[LogId, SnapshotShipper] = {}

    async def run(self) -> None:
        """Look at every view now and then, for ever. A view that cannot be snapshotted does not keep the others from it."""
        while True:
            replicas = {replica.log_id: replica for replica in self._replicas() if self._mine(replica.log_id)}
            for gone in self._shippers.keys() - replicas.keys():
                del self._shippers[gone]
            for log_id, replica in replicas.items():
                await self._look_at(log_id, replica)
            await self._clock.sleep(SWEEP_S)

    async def _look_at(self, log_id: LogId, replica: Replica) -> None:
        shipper = self._shippers.get(log_id)
        if shipper is None:
            shipper = SnapshotShipper(replica.view, self._archive, self._clock, log_id, self._limits)
            self._shippers[log_id] = shipper
        try:
            if await shipper.due():
                await shipper.ship()
        except DivergedError as error:
            replica.distrust(error)
        except (OSError, DamagedDataError) as error:
            _log.warning("snapshot_put_off", log_id=log_id, reason=str(error))
