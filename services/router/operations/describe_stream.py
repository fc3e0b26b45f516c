"""DescribeStream: a stream and its shards, a page at a time; where they end, if they do."""

import asyncio
from typing import Any

import msgspec

from stator.model.errors import ValidationError
from stator.ports.change_history import HistoryUnavailableError
from stator.rules.stream_descriptions import KnownStream
from stator.rules.stream_descriptions import describe_stream as description_of

from ..http_messages import Response
from ..routing import Router
from ..stream_shards import named_stream, unavailable

_PAGE_MAX = 100


def describe_stream(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """The history is asked only for the ends of a stream that has ended."""
    limit = request.get("Limit", _PAGE_MAX)
    if limit > _PAGE_MAX:
        raise ValidationError(
            f"One or more parameter values were invalid: Limit cannot be greater than the maximum: {_PAGE_MAX}"
        )
    if "ShardFilter" in request and request["ShardFilter"].keys() != {"Type", "ShardId"}:
        raise ValidationError(
            "One or more parameter values were invalid: ShardFilter must have both of Type and ShardId"
        )
    known = named_stream(request["StreamArn"], router)
    return router.later(_describe(known, request, limit, router))


async def _describe(known: KnownStream, request: dict[str, Any], limit: int, router: Router) -> Response:
    # The only filter there is asks for the shards that a shard was split into, and shards do not split.
    shards = {} if "ShardFilter" in request else known.shards
    start = request.get("ExclusiveStartShardId", "")
    rest = [shard_id for shard_id in shards if shard_id > start]
    page = rest[:limit]
    try:
        ends = [await router.changes.ending(shards[shard_id]) if known.ended else None for shard_id in page]
    except HistoryUnavailableError as error:
        raise unavailable() from error
    described = description_of(known, list(zip(page, ends, strict=True)), more=len(rest) > limit)
    return Response(200, msgspec.json.encode({"StreamDescription": described}))
