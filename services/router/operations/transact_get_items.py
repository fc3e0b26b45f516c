"""TransactGetItems: up to 100 items of one or more tables, all as they were at one moment."""

import asyncio
from dataclasses import dataclass
from typing import Any

from stator.expressions.projections import parse_projection, project
from stator.model.attributes import item_size, normalise_item
from stator.model.errors import ValidationError
from stator.model.item import decode_image, encode_image
from stator.model.tables import Table
from stator.rules.capacity import TRANSACTION_UNITS, read_units
from stator.rules.commands import Expression
from stator.rules.key_checks import check_key, check_scalar_keys
from stator.rules.transactions import PAYLOAD_BYTES_MAX, cancelled, reason_of

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response, Usage
from ..response_bodies import array, consumed, json_object, spliced
from ..routing import Router
from ..transactional_reads import read_together


@dataclass(frozen=True, slots=True)
class _Sought:
    """One item that a client asks for."""

    table: Table
    key: bytes
    projection: Expression | None

    def shown(self, image: bytes | None) -> bytes:
        """What the client is shown of it."""
        if image is None:
            return b"{}"
        if self.projection is not None:
            parsed = parse_projection(self.projection.text)
            image = encode_image(project(parsed, decode_image(image), self.projection.names))
        return json_object([("Item", image)])


def transact_get_items(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check everything before anything is read; of what only the tables show, the first fault is a reason to cancel."""
    given = [one["Get"] for one in request["TransactItems"]]
    checked = []
    for one in given:
        parameters = ExpressionParameters(one, "ProjectionExpression")
        key = normalise_item(one["Key"])
        parameters.check()
        checked.append((parameters, key))
    tables = [router.table(one["TableName"]) for one in given]
    sought = []
    for place, ((parameters, key), table) in enumerate(zip(checked, tables, strict=True)):
        try:
            check_key(table.key, key)
            check_scalar_keys(table, parameters.entered())
        except ValidationError as fault:
            raise cancelled(len(given), {place: reason_of(fault)}) from fault
        sought.append(_Sought(table, table.key.item_key(key), parameters.bundle("ProjectionExpression")))
    if len({(one.table.table_id, one.key) for one in sought}) < len(sought):
        raise ValidationError("Transaction request cannot include multiple operations on one item")
    return router.later(_answer(sought, router, request.get("ReturnConsumedCapacity")))


async def _answer(sought: list[_Sought], router: Router, mode: str | None) -> Response:
    places = [(router.log_of(one.table, one.key), one.key) for one in sought]
    images = await read_together(places, router.look, router.clock)
    sizes = [0 if image is None else item_size(decode_image(image)) for image in images]
    if sum(sizes) > PAYLOAD_BYTES_MAX:
        raise ValidationError("The items of the transaction are too large together")
    tables = {one.table.table_id: one.table for one in sought}
    units = dict.fromkeys(tables, 0.0)
    items = dict.fromkeys(tables, 0)
    for one, size in zip(sought, sizes, strict=True):
        units[one.table.table_id] += TRANSACTION_UNITS * read_units(size, strong=True)
        items[one.table.table_id] += size > 0
    told = [consumed(mode, table, units[table_id], kind="ReadCapacityUnits") for table_id, table in tables.items()]
    return spliced(
        ("ConsumedCapacity", array([one for one in told if one]) if any(told) else None),
        ("Responses", array([one.shown(image) for one, image in zip(sought, images, strict=True)])),
        usage=tuple(
            Usage(table.name, read_units=units[table_id], items=items[table_id]) for table_id, table in tables.items()
        ),
    )
