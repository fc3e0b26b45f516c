"""Scan: all items of a table or an index, or of a segment of it, a page at a time."""

import asyncio
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from stator.model.positions import LogId
from stator.model.tables import Index, Table
from stator.rules.commands import PAGE_BYTES_MAX, Page, Query
from stator.rules.index_reads import check_carried
from stator.rules.key_checks import check_scalar_keys
from stator.rules.key_spans import Span
from stator.rules.scan_segments import check_within, segment_of, stretches
from stator.rules.start_keys import normalised_start_key, row_behind

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response
from ..pages import index_of, local_read, only_counts, page_answer
from ..routing import Router


def scan(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """A segment is a stretch of each of some partitions: read them one after the other until the page is full."""
    parameters = ExpressionParameters(request, "ProjectionExpression", "FilterExpression")
    projection = parameters.bundle("ProjectionExpression")
    start = request.get("ExclusiveStartKey")
    start_key = None if start is None else normalised_start_key(start)
    segment = segment_of(request.get("Segment"), request.get("TotalSegments"))
    parameters.check()
    table = router.table(request["TableName"])
    strong = request.get("ConsistentRead") is True
    index = index_of(table, request.get("IndexName"), strong=strong)
    count_only = only_counts(request, index, projected=projection is not None)
    row = None
    if start_key is not None:
        row = row_behind(start_key, table.key, index)
        check_within(segment, row)
    check_scalar_keys(table, parameters.entered())
    if index is not None:
        shown, filtered = parameters.attributes("ProjectionExpression"), parameters.attributes("FilterExpression")
        check_carried(index, table.key, shown, filtered)
    parts = list(stretches(index.partitions if isinstance(index, Index) else table.partitions, segment, row))
    asked = Query(
        log_id=0,
        low=b"",
        high=None,
        reverse=False,
        limit=request.get("Limit", 0),
        filter=parameters.bundle("FilterExpression"),
        projection=projection,
        count_only=count_only,
        local=local_read(request, table, index, parameters.attributes("ProjectionExpression")),
        measured=request.get("ReturnConsumedCapacity") is not None or len(parts) > 1,
    )

    async def answer() -> Response:
        page = await _page(router, table, asked, parts, strong=strong)
        return page_answer(request, table, index, page, count_only=count_only, strong=strong)

    return router.later(answer())


async def _page(
    router: Router, table: Table, asked: Query, parts: Iterable[tuple[LogId, Span]], *, strong: bool
) -> Page:
    """One page over several partitions, as long as one over a single partition."""
    images: list[bytes] = []
    count = scanned = bytes_read = fetched_units = bytes_held = 0
    for log_id, span in parts:
        limit = asked.limit and asked.limit - scanned
        query = replace(
            asked, log_id=log_id, low=span.low, high=span.high, limit=limit, bytes_max=PAGE_BYTES_MAX - bytes_held
        )
        page = await router.page(table, query, strong=strong)
        images += page.images
        count += page.count
        scanned += page.scanned
        bytes_read += page.bytes_read
        fetched_units += page.fetched_units
        bytes_held += page.bytes_held
        if page.last is not None:
            return Page(images, count, scanned, bytes_read, page.last, fetched_units)
    return Page(images, count, scanned, bytes_read, None, fetched_units)
