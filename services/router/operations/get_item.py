"""GetItem: one item by its key, strongly consistent if asked."""

import asyncio
from typing import Any

from stator.expressions.projections import parse_projection, project
from stator.model.attributes import item_size, normalise_item
from stator.model.item import decode_image, encode_image
from stator.rules.capacity import read_units
from stator.rules.commands import Got
from stator.rules.key_checks import check_key, check_scalar_keys

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response, Usage
from ..response_bodies import consumed_read, spliced
from ..routing import Router


def get_item(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """The stored image goes out as it is, unless a projection asks for parts of it."""
    parameters = ExpressionParameters(request, "ProjectionExpression")
    key = normalise_item(request["Key"])
    parameters.check()
    projection = parameters.bundle("ProjectionExpression")
    table = router.table(request["TableName"])
    check_key(table.key, key)
    check_scalar_keys(table, parameters.entered())
    strong = request.get("ConsistentRead") is True
    capacity = request.get("ReturnConsumedCapacity")

    def render(got: Got) -> Response:
        image = got.image
        consumed = None
        size = len(image or b"")  # never below the item's size: what is not told to the client need not be counted out
        if capacity is not None:
            size = 0 if image is None else item_size(decode_image(image))
            consumed = consumed_read(capacity, table, size, strong=strong)
        usage = Usage(table.name, read_units=read_units(size, strong=strong))
        if image is not None and projection is not None:
            image = encode_image(project(parse_projection(projection.text), decode_image(image), projection.names))
        return spliced(("Item", image), ("ConsumedCapacity", consumed), usage=(usage,))

    return router.get(table, table.key.item_key(key), render, strong=strong)
