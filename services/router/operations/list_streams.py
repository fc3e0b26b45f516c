"""ListStreams: streams in the order of their ARNs, a page at a time, from the catalog in memory."""

from typing import Any

import msgspec

from stator.model.errors import ValidationError
from stator.rules.stream_descriptions import list_entry, streams_of, table_of_stream

from ..http_messages import Response
from ..routing import Router

_PAGE_MAX = 100


def list_streams(request: dict[str, Any], router: Router) -> Response:
    """Also streams that have ended, for a day, those of deleted tables too. A table that has none has none to list."""
    limit = request.get("Limit", _PAGE_MAX)
    if limit > _PAGE_MAX:
        raise ValidationError(
            f"One or more parameter values were invalid: Limit cannot be greater than the maximum allowed size: {_PAGE_MAX}"
        )
    start = request.get("ExclusiveStartStreamArn", "")
    if start:
        table_of_stream(start)
    name = request.get("TableName")
    tables = [table for table in router.catalog.with_deleted() if name in {None, table.name}]
    streams = [stream for stream in streams_of(tables, router.clock.now_us()) if stream.arn > start]
    answer: dict[str, Any] = {"Streams": [list_entry(stream) for stream in streams[:limit]]}
    if len(streams) > limit:
        answer["LastEvaluatedStreamArn"] = streams[limit - 1].arn
    return Response(200, msgspec.json.encode(answer))
