"""UpdateItem: change some attributes of an item, or make it, if a condition holds."""

import asyncio
from functools import partial
from typing import Any

from stator.expressions.update_checks import check_keys_unchanged
from stator.model.attributes import normalise_item
from stator.rules.commands import UpdateItem
from stator.rules.index_capacity import measured_indexes
from stator.rules.key_checks import check_index_updates, check_key, check_scalar_keys, index_key_limits

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response
from ..response_bodies import written
from ..routing import Router


def update_item(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check key and expressions here; evaluate them and log the effect at the partition's leader."""
    parameters = ExpressionParameters(request, "UpdateExpression", "ConditionExpression")
    update = parameters.update()
    key = normalise_item(request["Key"])
    parameters.check()
    table = router.table(request["TableName"])
    check_key(table.key, key)
    if update is not None:
        names = parameters.names_of("UpdateExpression")
        check_keys_unchanged(update, names, table.key.names)
        check_index_updates(table.secondary_indexes, update, names, parameters.values_of("UpdateExpression"))
    check_scalar_keys(table, parameters.entered())
    capacity = request.get("ReturnConsumedCapacity")
    command = UpdateItem(
        key=table.key.item_key(key),
        key_item=key,
        update=parameters.bundle("UpdateExpression"),
        condition=parameters.bundle("ConditionExpression"),
        return_values=request.get("ReturnValues", "NONE"),
        return_on_failure=request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
        index_keys=index_key_limits(table.secondary_indexes),
        indexes=measured_indexes(table) if capacity is not None else [],
    )
    return router.write(table, command, partial(written, request, table, key))
