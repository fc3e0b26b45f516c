"""DeletedTablesLeave: nothing is left of a deleted table, or, if it had a stream, its own logs with the stream's end in them."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.catalog_entries import decode_table
from stator.codec.log_records import decode_define
from stator.model.records import Kind
from stator.model.tables import Table
from stator.runtime.catalog import Catalog
from tests.simulation.accepted import accepted


def check(store: MemoryLogStore, table: Table, catalog: Catalog) -> Iterator[str]:
    """What is left of a table, as it was when it was made, and should not be, or is not and should."""
    if catalog.table(table.name) is not None:
        yield f"{table.name} is still there"
        return
    own = {partition.log_id for partition in table.partitions}
    kept = set() if table.stream is None else own
    there = set(table.logs) & set(store.ids())
    if there != kept:
        yield f"{table.name}: logs {sorted(there)} are there, and not {sorted(kept)}"
    entry = catalog.deleted.get(table.table_id)
    if (entry is None) != (table.stream is None):
        yield f"{table.name}: the entry of a deleted table is {entry}"
    elif entry is not None and entry.table.settled:
        for log_id in sorted(there):
            defined = [
                decode_table(decode_define(one.record))
                for one in accepted(store, log_id)
                if one.record.kind is Kind.DEFINE
            ]
            if defined[-1].stream is not None:
                yield f"{table.name}: log {log_id} does not know that its stream has ended"
