"""GetShardIterator: a place in a shard, found once, as a text that needs no memory here."""

import asyncio
from typing import Any

import msgspec

from stator.codec.shard_iterators import ShardIterator, encode_iterator
from stator.model.changes import ChangePoint, Shard, ShardCursor
from stator.model.errors import ValidationError
from stator.model.tables import STREAM_RETENTION_US
from stator.ports.change_history import ChangesTrimmedError, HistoryUnavailableError
from stator.rules.change_records import point_at

from ..http_messages import Response
from ..routing import Router
from ..stream_shards import named_shard, page_behind, trimmed, unavailable

_INVALID = "One or more parameter values were invalid: "
_NEEDS = {
    "AT_SEQUENCE_NUMBER": "SequenceNumber",
    "AFTER_SEQUENCE_NUMBER": "SequenceNumber",
    "AT_TIMESTAMP": "Timestamp",
}


def get_shard_iterator(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Raises what a wrong request deserves before anything is read."""
    kind = request["ShardIteratorType"]
    for name in ("SequenceNumber", "Timestamp"):
        if name in request and _NEEDS.get(kind) != name:
            raise ValidationError(f"{_INVALID}{name} should not be passed for this iterator type")
        if name not in request and _NEEDS.get(kind) == name:
            raise ValidationError(f"{_INVALID}Invalid {name}")
    if request.get("Timestamp", 0) * 1_000_000 > router.clock.now_us():
        raise ValidationError(f"{_INVALID}Timestamp must not be in the future")
    shard = named_shard(request["StreamArn"], request["ShardId"], router)
    return router.later(_iterator(request, shard, router))


async def _iterator(request: dict[str, Any], shard: Shard, router: Router) -> Response:
    try:
        cursor = await _cursor(request, shard, router)
    except HistoryUnavailableError as error:
        raise unavailable() from error
    except ChangesTrimmedError as error:
        raise trimmed() from error
    text = encode_iterator(ShardIterator(request["StreamArn"], request["ShardId"], cursor, router.clock.now_us()))
    return Response(200, msgspec.json.encode({"ShardIterator": text}))


async def _cursor(request: dict[str, Any], shard: Shard, router: Router) -> ShardCursor:
    kind, horizon_us = request["ShardIteratorType"], router.clock.now_us() - STREAM_RETENTION_US
    if kind == "LATEST":
        return await router.changes.tip(shard)
    if kind == "TRIM_HORIZON":
        return await router.changes.since(shard, horizon_us)
    if kind == "AT_TIMESTAMP":
        return await router.changes.since(shard, round(max(horizon_us, request["Timestamp"] * 1_000_000)))
    point = point_at(request["SequenceNumber"])
    if point is None:
        raise ValidationError(f"{_INVALID}Invalid SequenceNumber")
    if kind == "AFTER_SEQUENCE_NUMBER":
        point = ChangePoint(point.offset, point.index + 1)
    if point > (await router.changes.tip(shard)).point:
        raise ValidationError("Invalid SequenceNumber for the shard")
    cursor = await router.changes.at(shard, point)
    await page_behind(shard, cursor, 1, router)  # refused now if it is too old, and not only when it is used
    return cursor
