"""PutItem: replace a whole item, if a condition holds."""

import asyncio
from functools import partial
from typing import Any

from stator.model.attributes import item_size, normalise_item
from stator.model.errors import ValidationError
from stator.model.item import encode_image
from stator.rules.commands import PutItem
from stator.rules.decide import ITEM_BYTES_MAX
from stator.rules.index_capacity import measured_indexes
from stator.rules.key_checks import check_new_item, check_scalar_keys

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response
from ..response_bodies import written
from ..routing import Router


def put_item(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check the item here, decide and log it at the partition's leader."""
    parameters = ExpressionParameters(request, "ConditionExpression")
    return_values = request.get("ReturnValues", "NONE")
    if return_values not in {"NONE", "ALL_OLD"}:
        raise ValidationError("ReturnValues can only be ALL_OLD or NONE")
    item = normalise_item(request["Item"])
    parameters.check()
    image = encode_image(item)
    # An image is never shorter than its item's size: most need not be counted.
    if len(image) > ITEM_BYTES_MAX and item_size(item) > ITEM_BYTES_MAX:
        raise ValidationError("Item size has exceeded the maximum allowed size")
    table = router.table(request["TableName"])
    check_new_item(table, item)
    check_scalar_keys(table, parameters.entered())
    capacity = request.get("ReturnConsumedCapacity")
    command = PutItem(
        key=table.key.item_key(item),
        image=image,
        condition=parameters.bundle("ConditionExpression"),
        return_values=return_values,
        return_on_failure=request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
        measured=capacity is not None,
        indexes=measured_indexes(table) if capacity is not None else [],
    )
    return router.write(table, command, partial(written, request, table, item))
