"""Changes the catalog: compare-and-set on one entry at a time, at the leader of the catalog's log.

Whoever uses this needs no lock and no leader of its own: a state that somebody else changed meanwhile refuses the change.
"""

from stator.codec.catalog_entries import Entry, encode_entry, table_key
from stator.model.errors import ConditionalCheckFailedError
from stator.model.positions import CATALOG_LOG, Offset
from stator.model.tables import Table
from stator.rules.commands import Close, Closed, Outcome, Replace, Write
from stator.runtime.catalog import Catalog
from stator.runtime.partition_client import PartitionClient


class CatalogWriter:
    """Writes to the catalog and sees to it that this process's own picture shows what was written."""

    def __init__(self, catalog: Catalog, partitions: PartitionClient) -> None:
        self._catalog = catalog
        self._partitions = partitions

    async def up_to_date(self) -> None:
        """Return once this process sees at least what was in the catalog when it asked."""
        closed: Closed = await self._partitions.ask_leader(CATALOG_LOG, "close", Close(CATALOG_LOG))
        await self._catalog.caught_up(Offset(closed.offset))

    async def set(self, table: Table, expected_us: int) -> bool:
        """Store a table if the catalog still holds the version `expected_us` (0: none); False when it does not."""
        return await self.replace(table.name, Entry(table=table), expected_us)

    async def replace(self, name: str, entry: Entry | None, expected_us: int) -> bool:
        """Store (None: remove) an entry if it still has the version `expected_us`."""
        image = None if entry is None else encode_entry(entry)
        command = Replace(table_key(name), image, expected_us)
        try:
            outcome: Outcome = await self._partitions.ask_leader(CATALOG_LOG, "write", Write(CATALOG_LOG, command))
        except ConditionalCheckFailedError:
            return False
        await self._catalog.shows(outcome.timestamp_us)
        return True
