"""What operations need of the world: the catalog in memory, the way to a partition, the way to control.

Nothing here is looked up over the network on a request's path: the catalog is followed, places are hints (constant work).
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from stator.model.errors import ResourceNotFoundError
from stator.model.key_order import token
from stator.model.positions import LogId, Offset
from stator.model.tables import Partition, Table, partition_for
from stator.ports.change_history import ChangeHistory
from stator.ports.clock import Clock
from stator.rules.commands import (
    Command,
    Control,
    ControlAnswer,
    DeleteItem,
    Get,
    GetMany,
    Got,
    GotMany,
    Outcome,
    Outcomes,
    Page,
    PutItem,
    Query,
    RestoreStatus,
    Size,
    Stats,
    Steps,
    Write,
    WriteMany,
)
from stator.rules.transaction_messages import Looks, Transact, Transacted, TransactRead
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient

from .client_tokens import ClientTokens
from .error_bodies import error_response
from .http_messages import Response

AskControl = Callable[[Control], "asyncio.Future[ControlAnswer]"]
AskRestore = Callable[[RestoreStatus], "asyncio.Future[Steps]"]


class Router:
    """Shared by all operations of one router process."""

    def __init__(
        self,
        catalog: Catalog,
        partitions: PartitionClient,
        ask_control: AskControl,
        ask_restore: AskRestore,
        changes: ChangeHistory,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self.catalog = catalog
        self.changes = changes
        self.clock = clock
        self.tokens = ClientTokens(clock.monotonic)
        self._partitions = partitions
        self._ask_control = ask_control
        self._ask_restore = ask_restore
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()

    def table(self, name: str) -> Table:
        """The table that data requests may use. Raises ResourceNotFoundError for one that is not there (yet)."""
        table = self.catalog.table(name)
        if table is None or table.status == "CREATING":
            raise ResourceNotFoundError("Requested resource not found")
        return table

    def write(
        self, table: Table, command: Command, render: Callable[[Outcome], Response]
    ) -> "asyncio.Future[Response]":
        """Send a write to its partition's leader and answer with what `render` makes of the outcome."""
        log_id = _log_of(table.partitions, command.key)
        return self._answer(self._partitions.ask_leader(log_id, "write", Write(log_id, command)), render)

    def get(
        self, table: Table, key: bytes, render: Callable[[Got], Response], *, strong: bool
    ) -> "asyncio.Future[Response]":
        """Read one item, from the leader or from any view."""
        log_id = _log_of(table.partitions, key)
        if strong:
            return self._answer(self._partitions.ask_leader(log_id, "get", Get(log_id, key)), render)
        return self._answer(self._partitions.ask_reader(log_id, "read_get", Get(log_id, key)), render)

    def write_many(self, log_id: LogId, commands: list[PutItem | DeleteItem]) -> "asyncio.Future[Outcomes]":
        """Send a partition its share of a batch."""
        return self._partitions.ask_leader(log_id, "write_many", WriteMany(log_id, commands))

    def log_of(self, table: Table, key: bytes) -> LogId:
        """The log that has the item under a key."""
        return _log_of(table.partitions, key)

    def transact(self, message: Transact, render: Callable[[Transacted], Response]) -> "asyncio.Future[Response]":
        """Send a partition a whole transaction."""
        return self._answer(self._partitions.ask_leader(LogId(message.log_id), "transact", message), render)

    def look(self, message: TransactRead) -> "asyncio.Future[Looks]":
        """Look at items of a partition for a transaction that reads."""
        return self._partitions.ask_leader(LogId(message.log_id), "transact_read", message)

    def get_many(self, log_id: LogId, keys: list[bytes], *, strong: bool) -> "asyncio.Future[GotMany]":
        """Read several items of a partition."""
        message = GetMany(log_id, keys)
        if strong:
            return self._partitions.ask_leader(log_id, "get_many", message)
        return self._partitions.ask_reader(log_id, "read_get_many", message)

    def query(self, query: Query, render: Callable[[Page], Response], *, strong: bool) -> "asyncio.Future[Response]":
        """Read one page of one partition."""
        return self._answer(self.page(query, strong=strong), render)

    def page(self, query: Query, *, strong: bool) -> "asyncio.Future[Page]":
        """One page of one partition, for operations that put several together."""
        log_id = LogId(query.log_id)
        if strong:
            return self._partitions.ask_leader(log_id, "query", query)
        return self._partitions.ask_reader(log_id, "read_query", query)

    async def size(self, log_id: LogId) -> Size:
        """How much a partition's view holds."""
        size: Size = await self._partitions.ask_reader(log_id, "read_stats", Stats(log_id))
        return size

    async def restore_steps(self, table: Table) -> Steps:
        """How far the restore of a table is."""
        return await self._ask_restore(RestoreStatus(table.table_id))

    async def control(self, operation: str, request: dict[str, Any]) -> Response:
        """Have a table operation done; return once this router's catalog shows it."""
        answer = await self._ask_control(Control(operation, msgspec.json.encode(request)))
        await self.catalog.caught_up(Offset(answer.catalog_offset))
        return Response(200, answer.body)

    def later(self, work: Coroutine[Any, Any, Response]) -> "asyncio.Future[Response]":
        """Answer with what a coroutine comes to: for operations that ask more than one partition."""
        outer: asyncio.Future[Response] = self._loop.create_future()
        task = self._tasks.request("operation", work)
        task.add_done_callback(partial(_finish, outer, _same))
        return outer

    def _answer(self, call: "asyncio.Future[Any]", render: Callable[[Any], Response]) -> "asyncio.Future[Response]":
        outer: asyncio.Future[Response] = self._loop.create_future()
        if call.done():
            _finish(outer, render, call)
        else:
            call.add_done_callback(partial(_finish, outer, render))
        return outer


def _finish(outer: "asyncio.Future[Response]", render: Callable[[Any], Response], call: "asyncio.Future[Any]") -> None:
    if outer.done() or call.cancelled():
        return
    error = call.exception()
    if error is None:
        try:
            response = render(call.result())
        except Exception as fault:  # noqa: BLE001 - a DomainError, or a bug of ours that must not leave the client waiting
            response = error_response(fault)
    else:
        response = error_response(error)
    outer.set_result(response)


def _same(response: Response) -> Response:
    return response


def _log_of(partitions: tuple[Partition, ...], key: bytes) -> LogId:
    return partition_for(partitions, token(key)).log_id
