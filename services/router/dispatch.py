"""From a target header to the operation's function, and from its exceptions to an error body. One operation, one file."""

import asyncio
from collections.abc import Callable
from typing import Any

from stator.model.errors import UnknownOperationError

from .accounts import Accounts
from .error_bodies import error_response
from .http_messages import Request, Response
from .operations.batch_get_item import batch_get_item
from .operations.batch_write_item import batch_write_item
from .operations.create_table import create_table
from .operations.delete_item import delete_item
from .operations.delete_table import delete_table
from .operations.describe_continuous_backups import describe_continuous_backups
from .operations.describe_endpoints import describe_endpoints
from .operations.describe_limits import describe_limits
from .operations.describe_stream import describe_stream
from .operations.describe_table import describe_table
from .operations.describe_time_to_live import describe_time_to_live
from .operations.get_item import get_item
from .operations.get_records import get_records
from .operations.get_shard_iterator import get_shard_iterator
from .operations.list_streams import list_streams
from .operations.list_tables import list_tables
from .operations.list_tags_of_resource import list_tags_of_resource
from .operations.put_item import put_item
from .operations.query import query
from .operations.restore_table_to_point_in_time import restore_table_to_point_in_time
from .operations.scan import scan
from .operations.tag_resource import tag_resource
from .operations.transact_get_items import transact_get_items
from .operations.transact_write_items import transact_write_items
from .operations.untag_resource import untag_resource
from .operations.update_continuous_backups import update_continuous_backups
from .operations.update_item import update_item
from .operations.update_table import update_table
from .operations.update_time_to_live import update_time_to_live
from .positions import POSITION_HEADER
from .routing import Router, Surroundings
from .sendings import sending
from .validation import validate

Operation = Callable[[dict[str, Any], Router], "Response | asyncio.Future[Response]"]

OPERATIONS: dict[str, Operation] = {
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
    "CreateTable": create_table,
    "DeleteItem": delete_item,
    "DeleteTable": delete_table,
    "DescribeContinuousBackups": describe_continuous_backups,
    "DescribeLimits": describe_limits,
    "DescribeTable": describe_table,
    "DescribeTimeToLive": describe_time_to_live,
    "GetItem": get_item,
    "ListTables": list_tables,
    "ListTagsOfResource": list_tags_of_resource,
    "PutItem": put_item,
    "Query": query,
    "RestoreTableToPointInTime": restore_table_to_point_in_time,
    "Scan": scan,
    "TagResource": tag_resource,
    "TransactGetItems": transact_get_items,
    "TransactWriteItems": transact_write_items,
    "UntagResource": untag_resource,
    "UpdateContinuousBackups": update_continuous_backups,
    "UpdateItem": update_item,
    "UpdateTable": update_table,
    "UpdateTimeToLive": update_time_to_live,
}
STREAM_OPERATIONS: dict[str, Operation] = {
    "DescribeStream": describe_stream,
    "GetRecords": get_records,
    "GetShardIterator": get_shard_iterator,
    "ListStreams": list_streams,
}
_TARGET = "DynamoDB_20120810."
_APIS = {_TARGET: OPERATIONS, "DynamoDBStreams_20120810.": STREAM_OPERATIONS}
_ENDPOINTS = _TARGET + "DescribeEndpoints"
"""The one operation that is about the connection and about nothing that a request could hold."""


class Dispatch:
    """The server's handler."""

    def __init__(self, surroundings: Surroundings, accounts: Accounts) -> None:
        self._surroundings = surroundings
        self._accounts = accounts

    def __call__(self, request: Request) -> "Response | asyncio.Future[Response]":
        """Answer one request, or promise to."""
        prefix, _, name = request.target.partition(".")
        operation = _APIS.get(prefix + ".", {}).get(name)
        if operation is None:
            if request.target == _ENDPOINTS:
                return describe_endpoints(request.headers)
            return error_response(UnknownOperationError())
        began_at = self._accounts.now()
        members: dict[str, Any] = {}
        try:
            members = validate(name, request.body)
            came = sending(request.headers, request.request_id)
            router = Router(self._surroundings, came, request.headers.get(POSITION_HEADER))
            answer = operation(members, router)
        except Exception as error:  # noqa: BLE001 - a DomainError, or a bug of ours that must not cost the connection
            answer = error_response(error)
        self._accounts.settle(name, members, began_at, answer)
        return answer
