"""Table definitions and the other entries of the catalog as canonical JSON.

The same bytes go into the catalog log and, as Define records, into each of the table's own logs. JSON and not Avro: they are
few, people read them, and unknown members are skipped by readers one version behind.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from stator.model.errors import DamagedDataError
from stator.model.key_order import hash128
from stator.model.tables import LocalIndex, Table
from stator.rules.local_rows import NO_ROWS, LocalLayout


@dataclass(frozen=True, slots=True)
class LogPool:
    """Log ids from `next_log_id` on have never been used."""

    next_log_id: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: exactly one of its members is set."""

    table: Table | None = None
    pool: LogPool | None = None
    deleted: Table | None = None
    """A table that is gone, but for streams that can still be read. Stored beside the tables, under its id (`deleted_name`)."""


@dataclass(frozen=True, slots=True)
class _Revised:
    revision: int = 0


@dataclass(frozen=True, slots=True)
class _Ordered:
    local_indexes: tuple[LocalIndex, ...] = ()
    ttl_attribute: str = ""


@dataclass(frozen=True, slots=True)
class _Named:
    name: str = ""


_encoder = msgspec.json.Encoder(order="deterministic")
_entry_decoder = msgspec.json.Decoder(Entry)
_table_decoder = msgspec.json.Decoder(Table)
_revision_decoder = msgspec.json.Decoder(_Revised)
_ordered_decoder = msgspec.json.Decoder(_Ordered)
_name_decoder = msgspec.json.Decoder(_Named)


def table_key(name: str) -> bytes:
    """The storage key of a table's entry; the empty name is the log pool's, and see `deleted_name`."""
    return hash128(name.encode())


def deleted_name(table_id: str) -> str:
    """Where the entry of a deleted table lies: a name that no table can have."""
    return f"deleted/{table_id}"


def encode_entry(entry: Entry) -> bytes:
    """An entry's image."""
    members: dict[str, Any] = {}
    if entry.table is not None:
        members["table"] = entry.table
    if entry.pool is not None:
        members["pool"] = entry.pool
    if entry.deleted is not None:
        members["deleted"] = entry.deleted
    return _encoder.encode(members)


def decode_entry(image: bytes) -> Entry:
    """The entry that an image stands for."""
    return _entry_decoder.decode(image)


def encode_table(table: Table) -> bytes:
    """A table as a Define record carries it."""
    return _encoder.encode(table)


def decode_table(definition: bytes) -> Table:
    """The table that a Define record carries."""
    return _table_decoder.decode(definition)


def revision_of(definition: bytes) -> int:
    """`Table.revision` of what a Define record carries; -1 for no definition at all."""
    return _revision_decoder.decode(definition).revision if definition else -1


def name_of(definition: bytes) -> str:
    """The name of the table that a Define record carries, for people; empty for no definition at all."""
    return _name_decoder.decode(definition).name if definition else ""


def layout_of(definition: bytes) -> LocalLayout:
    """The rows that views derive under what a Define record carries; none under no definition at all.

    Raises DamagedDataError when it is not a definition.
    """
    if not definition:
        return NO_ROWS
    try:
        table = _ordered_decoder.decode(definition)
    except msgspec.DecodeError as error:
        raise DamagedDataError(f"a definition does not decode: {error}") from error
    sort_keys = tuple(index.key.sort for index in table.local_indexes if index.key.sort is not None)
    return LocalLayout(sort_keys, table.ttl_attribute)
