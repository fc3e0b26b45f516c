"""BatchGetItem: up to 100 items by their keys, of one or more tables."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stator.expressions.projections import parse_projection, project
from stator.model.attributes import item_size, normalise_item
from stator.model.errors import ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.model.tables import Table
from stator.rules.capacity import READ_UNIT_BYTES, read_units
from stator.rules.commands import Expression
from stator.rules.key_checks import check_key, check_scalar_keys

from ..batches import answered, check_distinct, shares
from ..expression_parameters import ExpressionParameters
from ..http_messages import Response, Usage
from ..request_values import table_name
from ..response_bodies import array, consumed, json_object, spliced
from ..routing import Router

KEYS_MAX = 100
ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""Items of one answer; the keys of those that do not fit are given back. Source: API reference, "BatchGetItem"."""


@dataclass(slots=True)
class _Part:
    """What a batch asks of one table. `named` as the client did; `found` by the places of the keys, where a partition answered."""

    named: str
    given: dict[str, Any]
    keys: list[Item]
    projection: Expression | None
    strong: bool
    table: Table
    rows: list[bytes]
    found: dict[int, bytes | None] = field(default_factory=dict)

    def shown(self) -> bytes:
        """The items, as a JSON array."""
        images = [image for image in self.found.values() if image is not None]
        if self.projection is None:
            return array(images)
        parsed, names = parse_projection(self.projection.text), self.projection.names
        return array([encode_image(project(parsed, decode_image(image), names)) for image in images])

    def unread(self) -> bytes:
        """What is to be asked again, as the client asked it."""
        keys = [key for place, key in enumerate(self.given["Keys"]) if place not in self.found]
        return msgspec.json.encode(self.given | {"Keys": keys})

    def units(self) -> float:
        """Read units of the items found, and of the keys that have none."""
        return sum(read_units(_size(image), strong=self.strong) for image in self.found.values())


def batch_get_item(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check everything before anything is read; then ask each partition once."""
    parameters = {named: _checked(given) for named, given in request["RequestItems"].items()}
    if sum(len(keys) for _, keys in parameters.values()) > KEYS_MAX:
        raise ValidationError("Too many items requested for the BatchGetItem call")
    parts = [
        _part(named, request["RequestItems"][named], keys, expressions, router)
        for named, (expressions, keys) in parameters.items()
    ]
    return router.later(_answer(parts, router, request.get("ReturnConsumedCapacity")))


def _checked(given: dict[str, Any]) -> tuple[ExpressionParameters, list[Item]]:
    """What can be said against one table's part without the table."""
    parameters = ExpressionParameters(given, "ProjectionExpression")
    keys = [normalise_item(key) for key in given["Keys"]]
    parameters.check()
    check_distinct([encode_image(key) for key in keys])
    return parameters, keys


def _part(
    named: str, given: dict[str, Any], keys: list[Item], parameters: ExpressionParameters, router: Router
) -> _Part:
    table = router.table(table_name(named))
    for key in keys:
        check_key(table.key, key)
    check_scalar_keys(table, parameters.entered())
    return _Part(
        named,
        given,
        keys,
        parameters.bundle("ProjectionExpression"),
        given.get("ConsistentRead") is True,
        table,
        [table.key.item_key(key) for key in keys],
    )


async def _answer(parts: list[_Part], router: Router, capacity: str | None) -> Response:
    asked = [
        ((part, places), router.get_many(log_id, [part.rows[place] for place in places], strong=part.strong))
        for part in parts
        for log_id, places in shares(part.table.partitions, part.rows).items()
    ]
    for (part, places), got in await answered(asked):
        part.found.update(zip(places, got.images, strict=False))
    _cut(parts)
    units = {part.named: part.units() for part in parts}
    told = [consumed(capacity, part.table, units[part.named]) for part in parts]
    return spliced(
        ("Responses", json_object((part.named, part.shown()) for part in parts)),
        (
            "UnprocessedKeys",
            json_object((part.named, part.unread()) for part in parts if len(part.found) < len(part.keys)),
        ),
        ("ConsumedCapacity", array([one for one in told if one]) if any(told) else None),
        usage=tuple(Usage(part.table.name, read_units=units[part.named], items=len(part.found)) for part in parts),
    )


def _cut(parts: list[_Part]) -> None:
    """Leave out the items behind those that fill an answer."""
    if sum(len(image or b"") for part in parts for image in part.found.values()) <= ANSWER_BYTES_MAX:
        return  # an image is never shorter than its item's size
    left = ANSWER_BYTES_MAX
    for part in parts:
        for place, image in sorted(part.found.items()):
            left -= 0 if image is None else item_size(decode_image(image))
            if left < 0:
                del part.found[place]


def _size(image: bytes | None) -> int:
    # Up to one unit of capacity both an item and its image, which is never shorter, cost the same.
    if image is None or len(image) <= READ_UNIT_BYTES:
        return 0
    return item_size(decode_image(image))
