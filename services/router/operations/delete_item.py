"""DeleteItem: remove an item, if a condition holds."""

import asyncio
from functools import partial
from typing import Any

from stator.model.attributes import normalise_item
from stator.model.errors import ValidationError
from stator.rules.commands import DeleteItem
from stator.rules.index_capacity import measured_indexes
from stator.rules.key_checks import check_key, check_scalar_keys

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response
from ..response_bodies import written
from ..routing import Router


def delete_item(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check the key here, decide and log the removal at the partition's leader."""
    parameters = ExpressionParameters(request, "ConditionExpression")
    return_values = request.get("ReturnValues", "NONE")
    if return_values not in {"NONE", "ALL_OLD"}:
        raise ValidationError("ReturnValues can only be ALL_OLD or NONE")
    key = normalise_item(request["Key"])
    parameters.check()
    table = router.table(request["TableName"])
    check_key(table.key, key)
    check_scalar_keys(table, parameters.entered())
    capacity = request.get("ReturnConsumedCapacity")
    command = DeleteItem(
        key=table.key.item_key(key),
        condition=parameters.bundle("ConditionExpression"),
        return_values=return_values,
        return_on_failure=request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
        measured=capacity is not None,
        indexes=measured_indexes(table) if capacity is not None else [],
    )
    return router.write(table, command, partial(written, request, table, key))
