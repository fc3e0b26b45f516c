"""Response bodies put together from JSON that already exists: item images go out as they were stored."""

from collections.abc import Iterable

import msgspec

from stator.model.tables import LocalIndex, SecondaryIndex
from stator.rules.capacity import read_units, write_units
from stator.rules.commands import Outcome

from .http_messages import Response, Usage


def spliced(*members: tuple[str, bytes | None], usage: tuple[Usage, ...] = ()) -> Response:
    """A 200 answer with these members, each already JSON; those that are None are left out."""
    return Response(200, json_object((name, json) for name, json in members if json), usage=usage)


def json_object(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A JSON object of members that are JSON already. Names are ours, or checked: nothing in them needs an escape."""
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), json) for name, json in members) + b"}"


def written(table: str, capacity: str | None, outcome: Outcome) -> Response:
    """The answer to a write: what ReturnValues and ReturnConsumedCapacity (`capacity`) asked for."""
    units = write_units(outcome.bytes_written)
    usage = Usage(table, write_units=units)
    return spliced(
        ("Attributes", outcome.attributes), ("ConsumedCapacity", consumed(capacity, table, None, units)), usage=(usage,)
    )


def array(images: list[bytes]) -> bytes:
    """A JSON array of images."""
    return b"[" + b",".join(images) + b"]"


def consumed_read(mode: str | None, table: str, bytes_read: int, *, strong: bool) -> bytes | None:
    """ConsumedCapacity of a read of the table itself, or None when the request did not ask for it."""
    return consumed(mode, table, None, read_units(bytes_read, strong=strong))


def consumed(
    mode: str | None, table: str, index: SecondaryIndex | None, units: float, fetched: float = 0.0
) -> bytes | None:
    """ConsumedCapacity of one request to one table, or None when the client did not ask for it.

    `units` of the index (None: of the table itself), and `fetched` for what lies behind a local index.
    """
    if mode not in {"TOTAL", "INDEXES"}:
        return None
    body: dict[str, object] = {"TableName": table, "CapacityUnits": units + fetched}
    if mode == "INDEXES":
        body["Table"] = {"CapacityUnits": units if index is None else fetched}
        if index is not None:
            kind = "LocalSecondaryIndexes" if isinstance(index, LocalIndex) else "GlobalSecondaryIndexes"
            body[kind] = {index.name: {"CapacityUnits": units}}
    return msgspec.json.encode(body)
