"""Response bodies put together from JSON that already exists: item images go out as they were stored."""

from collections.abc import Iterable

import msgspec

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


def consumed_read(mode: str | None, table: str, index: str | None, bytes_read: int, *, strong: bool) -> bytes | None:
    """ConsumedCapacity of a read, or None when the request did not ask for it."""
    return consumed(mode, table, index, read_units(bytes_read, strong=strong))


def consumed(mode: str | None, table: str, index: str | None, units: float) -> bytes | None:
    """ConsumedCapacity of one request to one table, or None when the client did not ask for it."""
    if mode not in {"TOTAL", "INDEXES"}:
        return None
    body: dict[str, object] = {"TableName": table, "CapacityUnits": units}
    if mode == "INDEXES":
        body["Table"] = {"CapacityUnits": 0.0 if index else units}
        if index:
            body["GlobalSecondaryIndexes"] = {index: {"CapacityUnits": units}}
    return msgspec.json.encode(body)
