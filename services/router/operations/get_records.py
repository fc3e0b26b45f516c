"""GetRecords: what lies behind an iterator, and the iterator for what comes then."""

import asyncio
from typing import Any

import msgspec

from stator.codec.shard_iterators import ShardIterator, decode_iterator, encode_iterator
from stator.model.changes import Shard
from stator.model.errors import ExpiredIteratorError, ValidationError
from stator.rules.stream_descriptions import record_body, table_of_stream

from ..http_messages import Response, Usage
from ..routing import Router
from ..stream_shards import named_shard, page_behind

RECORDS_MAX = 1000
ITERATOR_AGE_US = 15 * 60 * 1_000_000
"""Both: AWS API reference, GetRecords."""


def get_records(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Answers at once, with no records if there are none. No iterator comes with the end of a closed shard."""
    limit = request.get("Limit", RECORDS_MAX)
    if limit > RECORDS_MAX:
        raise ValidationError(
            f"One or more parameter values were invalid: Limit should be less than or equal to {RECORDS_MAX}"
        )
    iterator = decode_iterator(request["ShardIterator"])
    if router.clock.now_us() - iterator.issued_us > ITERATOR_AGE_US:
        raise ExpiredIteratorError("Shard iterator has expired")
    shard = named_shard(iterator.stream_arn, iterator.shard_id, router)
    return router.later(_records(iterator, shard, limit, router))


async def _records(iterator: ShardIterator, shard: Shard, limit: int, router: Router) -> Response:
    page = await page_behind(shard, iterator.cursor, limit, router)
    answer: dict[str, Any] = {"Records": [record_body(record) for record in page.records]}
    if page.following is not None:
        following = ShardIterator(iterator.stream_arn, iterator.shard_id, page.following, router.clock.now_us())
        answer["NextShardIterator"] = encode_iterator(following)
    usage = Usage(table_of_stream(iterator.stream_arn), records=len(page.records))
    return Response(200, msgspec.json.encode(answer), usage=(usage,))
