"""Response bodies put together from JSON that already exists: item images go out as they were stored."""

import msgspec

from stator.rules.capacity import read_units, write_units
from stator.rules.commands import Outcome

from .http_messages import Response, Usage


def spliced(*members: tuple[str, bytes | None], usage: tuple[Usage, ...] = ()) -> Response:
    """A 200 answer with these members, each already JSON; those that are None are left out."""
    body = b"{" + b",".join(b'"%b":%b' % (name.encode(), json) for name, json in members if json) + b"}"
    return Response(200, body, usage=usage)


def written(table: str, capacity: str | None, outcome: Outcome) -> Response:
    """The answer to a write: what ReturnValues and ReturnConsumedCapacity (`capacity`) asked for."""
    units = write_units(outcome.bytes_written)
    consumed = _consumed(capacity, table, None, units)
    usage = Usage(table, write_units=units)
    return spliced(("Attributes", outcome.attributes), ("ConsumedCapacity", consumed), usage=(usage,))


def array(images: list[bytes]) -> bytes:
    """A JSON array of images."""
    return b"[" + b",".join(images) + b"]"


def consumed_read(mode: str | None, table: str, index: str | None, bytes_read: int, *, strong: bool) -> bytes | None:
    """ConsumedCapacity of a read, or None when the request did not ask for it."""
    return _consumed(mode, table, index, read_units(bytes_read, strong=strong))


def _consumed(mode: str | None, table: str, index: str | None, units: float) -> bytes | None:
    if mode not in {"TOTAL", "INDEXES"}:
        return None
    consumed: dict[str, object] = {"TableName": table, "CapacityUnits": units}
    if mode == "INDEXES":
        consumed["Table"] = {"CapacityUnits": 0.0 if index else units}
        if index:
            consumed["GlobalSecondaryIndexes"] = {index: {"CapacityUnits": units}}
    return msgspec.json.encode(consumed)
