"""Finds the stream or shard that a request of the Streams API names, and has its history read."""

from stator.model.changes import Shard, ShardCursor
from stator.model.errors import ResourceNotFoundError, ServiceUnavailableError, TrimmedDataError
from stator.ports.change_history import ChangePage, ChangesTrimmedError, HistoryUnavailableError
from stator.rules.stream_descriptions import TRIMMED_US, KnownStream, stream_named, table_of_stream

from .routing import Router

PAGE_BYTES_MAX = 1024 * 1024
"""Source: AWS API reference, GetRecords."""


def named_stream(arn: str, router: Router) -> KnownStream:
    """Raises ValidationError for what is no stream's ARN, ResourceNotFoundError for one that is not there (any more)."""
    return stream_named(arn, router.catalog.bearers(table_of_stream(arn)), router.clock.now_us())


def named_shard(arn: str, shard_id: str, router: Router) -> Shard:
    """Raises as `named_stream`, and ResourceNotFoundError for a shard that the stream has not."""
    shard = named_stream(arn, router).shards.get(shard_id)
    if shard is None:
        raise ResourceNotFoundError("Requested resource not found: Shard does not exist")
    return shard


async def page_behind(shard: Shard, cursor: ShardCursor, records_max: int, router: Router) -> ChangePage:
    """What lies behind a cursor. Raises TrimmedDataError when that begins with what is too old."""
    try:
        page = await router.changes.page(shard, cursor, records_max=records_max, bytes_max=PAGE_BYTES_MAX)
    except HistoryUnavailableError as error:
        raise unavailable() from error
    except ChangesTrimmedError as error:
        raise trimmed() from error
    if page.records and page.records[0].timestamp_us < router.clock.now_us() - TRIMMED_US:
        raise trimmed()
    return page


def unavailable() -> ServiceUnavailableError:
    """What a HistoryUnavailableError is to a client."""
    return ServiceUnavailableError("The stream cannot be read at the moment")


def trimmed() -> TrimmedDataError:
    """What a client is told that comes too late."""
    return TrimmedDataError("The data you are trying to access has been trimmed")
