"""The catalog as every process sees it: all tables in memory, fed by the catalog log and by nothing else (constant work).

An entry of the catalog is an item whose image is JSON: `{"table": …}` under the table's name, `{"deleted": …}` under its id while
a stream of it can still be read, or `{"pool": …}`, the next free log id. Its version is what a compare-and-set on it must name.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stator.codec.catalog_entries import Entry, decode_entry, table_key
from stator.codec.log_records import decode_effects
from stator.model.positions import Offset
from stator.model.records import Envelope, Kind
from stator.model.tables import Table
from stator.runtime.replica import Replica

SOON_S = 4.0
"""How long a table operation waits for what it began before it answers that it goes on: under the SDKs' read timeout, and an SDK's
waiter that finds the table CREATING, UPDATING or DELETING sleeps for 20 s."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """A table with the version under which the catalog holds it."""

    table: Table
    version_us: int


class Catalog:
    """All tables by name, following a replica of the catalog log."""

    def __init__(self, replica: Replica) -> None:
        self.tables: dict[str, Versioned] = {}
        self.deleted: dict[str, Versioned] = {}
        """By id, tables that are gone, but for streams that can still be read. One that is on its way out may be in both."""
        self.watchers: list[Callable[[Table | None, Table | None], None]] = []
        """Told of each change: (before, after); None is "no such table"."""
        self._replica = replica
        self._names: dict[bytes, str] = {}
        self._deleted_ids: dict[bytes, str] = {}
        self._former: dict[str, list[str]] = {}
        """The ids of deleted tables by the name they had."""
        self._changed = asyncio.Event()
        for key, stored in replica.view.scan(b"", None):
            self._set(key, stored.image, stored.timestamp_us)
        replica.observers.append(self._accepted)

    def table(self, name: str) -> Table | None:
        """The table of that name, whatever its status."""
        found = self.tables.get(name)
        return None if found is None else found.table

    def bearers(self, name: str) -> list[Table]:
        """The table of that name, and the deleted ones with streams to read that had it, each once."""
        held = [self.deleted[table_id] for table_id in self._former.get(name, ())]
        now = self.tables.get(name)
        return _each_once(held if now is None else [*held, now])

    def with_deleted(self) -> list[Table]:
        """All tables, and the deleted ones that have streams to read, each once."""
        return _each_once([*self.deleted.values(), *self.tables.values()])

    def pool(self) -> tuple[int, int]:
        """The next free log id and the version of the entry that says so."""
        stored = self._replica.view.get(table_key(""))
        if stored is None:
            return 1, 0
        entry = decode_entry(stored.image)
        assert entry.pool is not None
        return entry.pool.next_log_id, stored.timestamp_us

    async def until(self, wanted: Callable[["Catalog"], bool]) -> None:
        """Return once `wanted(self)` holds."""
        while not wanted(self):
            await self._changed.wait()

    async def soon(self, wanted: Callable[["Catalog"], bool]) -> None:
        """Return once `wanted(self)` holds, or after `SOON_S` anyway."""
        waiting = asyncio.ensure_future(self.until(wanted))
        await asyncio.wait([waiting], timeout=SOON_S)
        waiting.cancel()

    @property
    def next_offset(self) -> Offset:
        """The end of what this process has seen of the catalog log."""
        return self._replica.position.next_offset

    async def shows(self, timestamp_us: int) -> None:
        """Return once a change with this timestamp is here."""
        await self.until(lambda _: self._replica.position.timestamp_us >= timestamp_us)

    async def caught_up(self, next_offset: Offset) -> None:
        """Return once everything below `next_offset` of the catalog log is here."""
        await self._replica.reached(next_offset)

    def _accepted(self, _offset: Offset, record: Envelope) -> None:
        if record.kind is Kind.EFFECT:
            for effect in decode_effects(record):
                self._set(effect.key, effect.new, effect.timestamp_us)
            # Wake everybody who waits now; whoever waits later gets the next event.
            self._changed.set()
            self._changed = asyncio.Event()

    def _set(self, key: bytes, image: bytes | None, version_us: int) -> None:
        if key == table_key(""):
            return
        entry = Entry() if image is None else decode_entry(image)
        self._set_deleted(key, entry.deleted, version_us)
        after = entry.table
        name = self._names.pop(key, None) if after is None else after.name
        if name is None:
            return
        before = self.tables.pop(name, None)
        if after is not None:
            self._names[key] = name
            self.tables[name] = Versioned(after, version_us)
        for watch in self.watchers:
            watch(None if before is None else before.table, after)

    def _set_deleted(self, key: bytes, table: Table | None, version_us: int) -> None:
        if key in self._deleted_ids:
            gone = self.deleted.pop(self._deleted_ids.pop(key)).table
            self._former[gone.name].remove(gone.table_id)
            if not self._former[gone.name]:
                del self._former[gone.name]
        if table is not None:
            self._deleted_ids[key] = table.table_id
            self._former.setdefault(table.name, []).append(table.table_id)
            self.deleted[table.table_id] = Versioned(table, version_us)


def _each_once(held: Iterable[Versioned]) -> list[Table]:
    return list({one.table.table_id: one.table for one in held}.values())
