"""Response bodies put together from JSON that already exists: item images go out as they were stored."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from stator.model.item import Item
from stator.model.tables import SecondaryIndex, Table
from stator.rules.capacity import read_units, write_units
from stator.rules.commands import Outcome

from .http_messages import Response, Usage
from .item_collections import item_collection, wants_collections


def spliced(*members: tuple[str, bytes | None], usage: tuple[Usage, ...] = ()) -> Response:
    """A 200 answer with these members, each already JSON; those that are None are left out."""
    return Response(200, json_object((name, json) for name, json in members if json), usage=usage)


def json_object(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A JSON object of members that are JSON already. Names are ours, or checked: nothing in them needs an escape."""
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), json) for name, json in members) + b"}"


def written(request: dict[str, Any], table: Table, item: Item, outcome: Outcome) -> Response:
    """The answer to a write of an item (or of what is under its key): what the request wants to be told of it."""
    units = write_units(outcome.bytes_written)
    capacity = consumed(request.get("ReturnConsumedCapacity"), table, units, outcome.index_units)
    collection = item_collection(table, item, outcome.partition_bytes) if wants_collections(request, table) else None
    return spliced(
        ("Attributes", outcome.attributes),
        ("ConsumedCapacity", capacity),
        ("ItemCollectionMetrics", collection),
        usage=(Usage(table.name, write_units=units),),
    )


def array(images: list[bytes]) -> bytes:
    """A JSON array of images."""
    return b"[" + b",".join(images) + b"]"


def consumed_read(mode: str | None, table: Table, bytes_read: int, *, strong: bool) -> bytes | None:
    """ConsumedCapacity of a read of the table itself, or None when the request did not ask for it."""
    return consumed(mode, table, read_units(bytes_read, strong=strong))


def consumed(
    mode: str | None,
    table: Table,
    units: float,
    index_units: Mapping[str, float] = MappingProxyType({}),
    kind: str = "",
) -> bytes | None:
    """ConsumedCapacity of one request to one table, or None when the client did not ask for it.

    `units` of the table itself, and `index_units` of those of its indexes that took part, by their names. `kind`: a member that
    says the same once more under its own name, as transactions do.
    """
    if mode not in {"TOTAL", "INDEXES"}:
        return None
    members = ("CapacityUnits", kind) if kind else ("CapacityUnits",)
    body: dict[str, object] = {"TableName": table.name, **dict.fromkeys(members, units + sum(index_units.values()))}
    if mode == "INDEXES":
        body["Table"] = dict.fromkeys(members, units)
        kinds: dict[str, Sequence[SecondaryIndex]] = {
            "GlobalSecondaryIndexes": table.indexes,
            "LocalSecondaryIndexes": table.local_indexes,
        }
        for group, indexes in kinds.items():
            told = {
                one.name: dict.fromkeys(members, index_units[one.name]) for one in indexes if one.name in index_units
            }
            if told:
                body[group] = told
    return msgspec.json.encode(body)
