"""DefinitionsArrive: each log of a table was given definitions of rising revisions, and the last one is the catalog's."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.catalog_entries import decode_table
from stator.codec.log_records import decode_define
from stator.model.records import Kind
from stator.model.tables import Table
from tests.simulation.accepted import accepted


def check(store: MemoryLogStore, table: Table) -> Iterator[str]:
    """What is wrong with the definitions of a table, given its entry in the catalog."""
    if not table.settled:
        yield f"{table.name}: its logs are still owed revision {table.revision}"
    for partition in table.partitions:
        records = [one.record for one in accepted(store, partition.log_id) if one.record.kind is Kind.DEFINE]
        defined = [decode_table(decode_define(record)) for record in records]
        revisions = [one.revision for one in defined]
        if revisions != sorted(set(revisions)):
            yield f"{table.name}: log {partition.log_id} was given revisions {revisions}"
        last = defined[-1]
        if (last.stream, last.ttl_attribute) != (table.stream, table.ttl_attribute):
            yield f"{table.name}: log {partition.log_id} believes in revision {last.revision}, not {table.revision}"
