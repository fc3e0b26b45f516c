"""BatchWriteItem: up to 25 puts and deletes of different items, of one or more tables. Each is on its own; no two are atomic."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stator.model.attributes import item_size, normalise_item
from stator.model.errors import ValidationError
from stator.model.item import Item, encode_image
from stator.model.tables import Table
from stator.rules.capacity import write_units
from stator.rules.commands import DeleteItem, MeasuredIndex, Outcome, PutItem
from stator.rules.decide import ITEM_BYTES_MAX
from stator.rules.index_capacity import measured_indexes
from stator.rules.key_checks import check_key, check_new_item, check_own_key

from ..batches import answered, check_distinct, shares
from ..http_messages import Response, Usage
from ..item_collections import item_collection, wants_collections
from ..request_values import table_name
from ..response_bodies import array, consumed, json_object, spliced
from ..routing import Router

REQUESTS_MAX = 25


@dataclass(slots=True)
class _Part:
    """What a batch does to one table. `named` as the client did; `outcomes` by the places of the commands that were done."""

    named: str
    given: list[dict[str, Any]]
    table: Table
    items: list[Item]
    commands: list[PutItem | DeleteItem]
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def undone(self) -> bytes:
        """What is to be sent again, as the client sent it."""
        return msgspec.json.encode([one for place, one in enumerate(self.given) if place not in self.outcomes])

    def units(self) -> float:
        """Write units of what was done."""
        return sum(write_units(outcome.bytes_written) for outcome in self.outcomes.values())

    def collections(self) -> bytes:
        """The metrics of each item collection that was written to."""
        told = {
            item_collection(self.table, self.items[place], done.partition_bytes)
            for place, done in self.outcomes.items()
        }
        return array(sorted(told))

    def index_units(self) -> dict[str, float]:
        """Write units that it cost the table's indexes."""
        units: dict[str, float] = {}
        for outcome in self.outcomes.values():
            for name, spent in outcome.index_units.items():
                units[name] = units.get(name, 0.0) + spent
        return units


def batch_write_item(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check every item before any is written: a batch with a bad one writes none. Then tell each partition once."""
    changes = {named: [_checked(one) for one in given] for named, given in request["RequestItems"].items()}
    if sum(map(len, changes.values())) > REQUESTS_MAX:
        raise ValidationError("Too many items requested for the BatchWriteItem call")
    capacity = request.get("ReturnConsumedCapacity")
    parts = []
    for named, items in changes.items():
        table = router.table(table_name(named))
        indexes = None if capacity is None else measured_indexes(table)
        commands = [_command(table, item, image, indexes) for item, image in items]
        parts.append(_Part(named, request["RequestItems"][named], table, [item for item, _ in items], commands))
    check_distinct([(part.table.table_id, command.key) for part in parts for command in part.commands])
    return router.later(_answer(parts, router, request))


def _checked(given: dict[str, Any]) -> tuple[Item, bytes | None]:
    """The item to put with its image, or the key to delete with None: what can be checked without the table."""
    if len(given) != 1:
        raise ValidationError(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
        )
    if "DeleteRequest" in given:
        return normalise_item(given["DeleteRequest"]["Key"]), None
    item = normalise_item(given["PutRequest"]["Item"])
    image = encode_image(item)
    # An image is never shorter than its item's size: most need not be counted.
    if len(image) > ITEM_BYTES_MAX and item_size(item) > ITEM_BYTES_MAX:
        raise ValidationError("Item size has exceeded the maximum allowed size")
    return item, image


def _command(
    table: Table, item: Item, image: bytes | None, indexes: list[MeasuredIndex] | None
) -> PutItem | DeleteItem:
    """`indexes`: of which the client wants to know what they cost; None when it wants to know of no cost."""
    measured = indexes is not None
    if image is None:
        check_key(table.key, item)
        return DeleteItem(table.key.item_key(item), measured=measured, indexes=indexes or [])
    check_own_key(table.key, item)
    check_new_item(table, item)
    return PutItem(table.key.item_key(item), image, measured=measured, indexes=indexes or [])


async def _answer(parts: list[_Part], router: Router, request: dict[str, Any]) -> Response:
    asked = [
        ((part, places), router.write_many(log_id, [part.commands[place] for place in places]))
        for part in parts
        for log_id, places in shares(part.table.partitions, [command.key for command in part.commands]).items()
    ]
    for (part, places), done in await answered(asked):
        part.outcomes.update(zip(places, done.outcomes, strict=False))
    units = {part.named: part.units() for part in parts}
    capacity = request.get("ReturnConsumedCapacity")
    told = [consumed(capacity, part.table, units[part.named], part.index_units()) for part in parts]
    undone = [part for part in parts if len(part.outcomes) < len(part.commands)]
    collected = [part for part in parts if wants_collections(request, part.table)]
    return spliced(
        ("UnprocessedItems", json_object((part.named, part.undone()) for part in undone)),
        (
            "ItemCollectionMetrics",
            json_object((part.named, part.collections()) for part in collected) if collected else None,
        ),
        ("ConsumedCapacity", array([one for one in told if one]) if any(told) else None),
        usage=tuple(Usage(part.table.name, write_units=units[part.named]) for part in parts),
    )
