"""Query: the items of one partition key in sort-key order, from the table or an index, a page at a time."""

import asyncio
from typing import Any

from stator.expressions.condition_checks import check_filter
from stator.expressions.key_conditions import bind
from stator.expressions.legacy import check_filter_attributes, key_range
from stator.model.errors import ValidationError
from stator.model.key_order import token
from stator.model.tables import Index, partition_for
from stator.rules.commands import Page, Query
from stator.rules.index_reads import check_carried
from stator.rules.key_checks import check_scalar_keys, check_sort_values
from stator.rules.key_spans import span_of
from stator.rules.start_keys import behind, normalised_start_key

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response
from ..pages import index_of, local_read, only_counts, page_answer
from ..routing import Router


def query(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """One key condition is one stretch of one view: find it, and let the partition cut the page."""
    parameters = ExpressionParameters(request, "ProjectionExpression", "FilterExpression", "KeyConditionExpression")
    key_condition = parameters.condition("KeyConditionExpression")
    old_conditions = request.get("KeyConditions")
    if key_condition is None and old_conditions is None:
        raise ValidationError(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    condition = parameters.condition("FilterExpression")
    projection = parameters.bundle("ProjectionExpression")
    start = request.get("ExclusiveStartKey")
    start_key = None if start is None else normalised_start_key(start)
    parameters.check()
    table = router.table(request["TableName"])
    strong = request.get("ConsistentRead") is True
    index = index_of(table, request.get("IndexName"), strong=strong)
    count_only = only_counts(request, index, projected=projection is not None)
    key = table.key if index is None else index.key
    check_filter_attributes(request.get("QueryFilter"), key.names)
    if condition is not None:
        check_filter(condition, parameters.names_of("FilterExpression"), key.names)
    if key_condition is not None:
        asked = bind(key_condition, parameters.names, parameters.values, key)
    else:
        asked = key_range(old_conditions or {}, key)
    check_sort_values(asked)
    check_scalar_keys(table, parameters.entered())
    if index is not None:
        shown, filtered = parameters.attributes("ProjectionExpression"), parameters.attributes("FilterExpression")
        check_carried(index, table.key, shown, filtered)
    span = span_of(asked, index=index is not None)
    partitions = index.partitions if isinstance(index, Index) else table.partitions
    log_id = partition_for(partitions, token(span.low)).log_id
    reverse = request.get("ScanIndexForward") is False
    if start_key is not None:
        span = behind(start_key, span, asked, table.key, index, reverse=reverse)

    def render(page: Page) -> Response:
        return page_answer(request, table, index, page, count_only=count_only, strong=strong)

    page = Query(
        log_id=log_id,
        low=span.low,
        high=span.high,
        reverse=reverse,
        # Of a table without sort keys a query finds one item at most, and AWS never says that it ended early.
        limit=0 if index is None and key.sort is None else request.get("Limit", 0),
        filter=parameters.bundle("FilterExpression"),
        projection=projection,
        count_only=count_only,
        local=local_read(request, table, index, parameters.attributes("ProjectionExpression")),
        measured=request.get("ReturnConsumedCapacity") is not None,
    )
    return router.query(table, page, render, strong=strong)
