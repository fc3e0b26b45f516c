"""Query: the items of one partition key in sort-key order, from the table or an index, a page at a time."""

import asyncio
from typing import Any

from stator.expressions.condition_checks import check_filter
from stator.expressions.key_conditions import bind
from stator.expressions.legacy import check_filter_attributes, key_range
from stator.model.attributes import normalise_item
from stator.model.errors import ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.model.key_order import token
from stator.model.tables import Index, KeySchema, Table, partition_for
from stator.rules.capacity import read_units
from stator.rules.commands import Page, Query
from stator.rules.index_reads import check_carried
from stator.rules.key_checks import check_scalar_keys, check_sort_values
from stator.rules.key_spans import span_of
from stator.rules.start_keys import behind

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response, Usage
from ..response_bodies import array, consumed_read, spliced
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
    start_key = None if start is None else normalise_item(start)
    parameters.check()
    table = router.table(request["TableName"])
    strong = request.get("ConsistentRead") is True
    index = _index_of(table, request.get("IndexName"), strong=strong)
    count_only = _check_select(request, index, projected=projection is not None)
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
    partitions = table.partitions if index is None else index.partitions
    log_id = partition_for(partitions, token(span.low)).log_id
    reverse = request.get("ScanIndexForward") is False
    if start_key is not None:
        span = behind(start_key, span, asked, table.key, index, reverse=reverse)
    capacity = request.get("ReturnConsumedCapacity")

    def render(page: Page) -> Response:
        last = None if page.last is None else encode_image(_position(decode_image(page.last), table.key, index))
        return spliced(
            ("Items", None if count_only else array(page.images)),
            ("Count", b"%d" % page.count),
            ("ScannedCount", b"%d" % page.scanned),
            ("LastEvaluatedKey", last),
            (
                "ConsumedCapacity",
                consumed_read(capacity, table.name, request.get("IndexName"), page.bytes_read, strong=strong),
            ),
            usage=(
                Usage(
                    table.name,
                    request.get("IndexName", ""),
                    read_units(page.bytes_read, strong=strong),
                    items=page.count,
                ),
            ),
        )

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
    )
    return router.query(page, render, strong=strong)


def _index_of(table: Table, name: str | None, *, strong: bool) -> Index | None:
    if name is None:
        return None
    index = table.index(name)
    if index is None:
        raise ValidationError(f"The table does not have the specified index: {name}")
    if strong:
        raise ValidationError("Consistent reads are not supported on global secondary indexes")
    return index


def _check_select(request: dict[str, Any], index: Index | None, *, projected: bool) -> bool:
    """Whether only counts are wanted."""
    select = request.get("Select")
    if projected and select not in {None, "SPECIFIC_ATTRIBUTES"}:
        member = "ProjectionExpression" if "ProjectionExpression" in request else "AttributesToGet"
        raise ValidationError(f"Cannot specify the {member} when choosing to get {_wanted(select)}")
    if select == "SPECIFIC_ATTRIBUTES" and not projected:
        raise ValidationError(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise ValidationError("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if select == "ALL_ATTRIBUTES" and index is not None and index.projection.type != "ALL":
        raise ValidationError(
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary"
            f" index {index.name} because its projection type is not ALL"
        )
    return select == "COUNT"


def _wanted(select: str) -> str:
    return "only the Count" if select == "COUNT" else select


def _position(item: Item, key: KeySchema, index: Index | None) -> Item:
    names = dict.fromkeys((*key.names, *(() if index is None else index.key.names)))
    return {name: item[name] for name in names}
