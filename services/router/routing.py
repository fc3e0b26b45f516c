"""What operations need of the world: the catalog in memory, the way to a partition, the way to control.

Nothing here is looked up over the network on a request's path: the catalog is followed, places are hints (constant work).
A `Router` serves one request. It knows how far the client has seen the logs, has views wait until they are as far, and tells
in the answer how far the client has seen them now (decision 0020).
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from stator.codec.position_tokens import encode_position
from stator.model.errors import ResourceNotFoundError
from stator.model.key_order import token
from stator.model.positions import LogId, Offset
from stator.model.tables import Partition, Table, partition_for
from stator.ports.change_history import ChangeHistory
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.rules.commands import (
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
    UpdateItem,
    Write,
    WriteMany,
)
from stator.rules.transaction_messages import Action, Looks, Transact, Transacted, TransactRead
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.meters import Meters
from stator.runtime.partition_client import PartitionClient

from .client_tokens import ClientTokens
from .coordinator import Coordinator
from .error_bodies import error_response
from .http_messages import Response
from .positions import Positions
from .sendings import Sending
from .transaction_meter import TransactionMeter

ClientCommand = TypeVar("ClientCommand", bound=PutItem | UpdateItem | DeleteItem)
AskControl = Callable[[Control], "asyncio.Future[ControlAnswer]"]
AskRestore = Callable[[RestoreStatus], "asyncio.Future[Steps]"]


@dataclass(slots=True)
class Surroundings:
    """What all requests of one router process share."""

    catalog: Catalog
    partitions: PartitionClient
    ask_control: AskControl
    ask_restore: AskRestore
    changes: ChangeHistory
    tasks: Tasks
    clock: Clock
    ids: IdSource
    meters: Meters = field(default_factory=Meters)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    tokens: ClientTokens = field(init=False)
    coordinator: Coordinator = field(init=False)
    transactions: TransactionMeter = field(init=False)

    def __post_init__(self) -> None:
        """With nothing known yet."""
        self.tokens = ClientTokens(self.clock.monotonic)
        self.coordinator = Coordinator(self.partitions, self.ids)
        self.transactions = TransactionMeter(self.meters)


class Router:
    """What one request asks of its surroundings, and where the client stands."""

    __slots__ = ("_around", "_positions", "_sending")

    def __init__(self, around: Surroundings, sending: Sending, position: str | None = None) -> None:
        """`position`: the token that the client sent. Raises ValidationError when it is none."""
        self._around = around
        self._sending = sending
        self._positions = None if position is None else Positions(position)
        """None: the client says nothing, and nothing was seen yet that it must be told beside the one answer it gets."""

    @property
    def catalog(self) -> Catalog:
        """All tables, in memory."""
        return self._around.catalog

    @property
    def changes(self) -> ChangeHistory:
        """What change streams had."""
        return self._around.changes

    @property
    def clock(self) -> Clock:
        """The process's."""
        return self._around.clock

    @property
    def tokens(self) -> ClientTokens:
        """Which transactions came through this router."""
        return self._around.tokens

    def table(self, name: str) -> Table:
        """The table that data requests may use. Raises ResourceNotFoundError for one that is not there (yet)."""
        table = self.catalog.table(name)
        if table is None or table.status == "CREATING":
            raise ResourceNotFoundError("Requested resource not found")
        return table

    def write(
        self, table: Table, command: PutItem | UpdateItem | DeleteItem, render: Callable[[Outcome], Response]
    ) -> "asyncio.Future[Response]":
        """Send a write to its partition's leader and answer with what `render` makes of the outcome."""
        log_id = _log_of(table.partitions, command.key)
        call = self._around.partitions.ask_leader(
            log_id,
            "write",
            Write(log_id, self._sent(command)),
            repeated=lambda: Write(log_id, self._sent(command, again=True)),
        )
        return self._answer(log_id, call, render)

    def _sent(self, command: ClientCommand, *, again: bool = False) -> ClientCommand:
        """The command with what tells leaders whether they have seen it."""
        return replace(command, request_id=self._sending.request_id, again=again or self._sending.again)

    def get(
        self, table: Table, key: bytes, render: Callable[[Got], Response], *, strong: bool
    ) -> "asyncio.Future[Response]":
        """Read one item, from the leader or from any view."""
        log_id = _log_of(table.partitions, key)
        message = Get(log_id, key, self._reached(log_id))
        return self._answer(log_id, self._read(log_id, "get", message, strong=strong), render)

    def write_many(self, log_id: LogId, commands: list[PutItem | DeleteItem]) -> "asyncio.Future[Outcomes]":
        """Send a partition its share of a batch."""
        call = self._around.partitions.ask_leader(
            log_id,
            "write_many",
            WriteMany(log_id, [self._sent(command) for command in commands]),
            repeated=lambda: WriteMany(log_id, [self._sent(command, again=True) for command in commands]),
        )
        return self._watched(log_id, call)

    def log_of(self, table: Table, key: bytes) -> LogId:
        """The log that has the item under a key."""
        return _log_of(table.partitions, key)

    def transact(self, message: Transact, render: Callable[[Transacted], Response]) -> "asyncio.Future[Response]":
        """Send a partition a whole transaction; again if need be, when leaders know it by its token."""
        log_id = LogId(message.log_id)
        repeated = (lambda: message) if message.token else None
        call = self._around.partitions.ask_leader(log_id, "transact", message, repeated=repeated)
        self._around.transactions.watch("partition", call)
        return self._answer(log_id, call, render)

    async def transact_across(
        self, asked: Sequence[tuple[LogId, Action]], token: str, request_hash: bytes
    ) -> Transacted:
        """Have a transaction over several partitions done. Its place in their logs is found out for a client who has a position."""
        saw = None if self._positions is None else self._positions.saw
        work = self._around.coordinator.transact(asked, token, request_hash, saw)
        transacting: asyncio.Task[Transacted] = self._around.tasks.request("transact", work)
        self._around.transactions.watch("across", transacting)
        return await transacting

    def look(self, message: TransactRead) -> "asyncio.Future[Looks]":
        """Look at items of a partition for a transaction that reads."""
        log_id = LogId(message.log_id)
        return self._watched(log_id, self._around.partitions.ask_leader(log_id, "transact_read", message))

    def get_many(self, log_id: LogId, keys: list[bytes], *, strong: bool) -> "asyncio.Future[GotMany]":
        """Read several items of a partition."""
        message = GetMany(log_id, keys, self._reached(log_id))
        return self._watched(log_id, self._read(log_id, "get_many", message, strong=strong))

    def query(
        self, table: Table, query: Query, render: Callable[[Page], Response], *, strong: bool
    ) -> "asyncio.Future[Response]":
        """Read one page of one partition of a table, or of an index of it."""
        return self._answer(LogId(query.log_id), self._page(table, query, strong=strong), render)

    def page(self, table: Table, query: Query, *, strong: bool) -> "asyncio.Future[Page]":
        """One page of one partition, for operations that put several together."""
        return self._watched(LogId(query.log_id), self._page(table, query, strong=strong))

    def _page(self, table: Table, query: Query, *, strong: bool) -> "asyncio.Future[Page]":
        log_id = LogId(query.log_id)
        positions = self._positions
        if positions is None:
            return self._read(log_id, "query", query, strong=strong)
        own = {partition.log_id for partition in table.partitions}
        if log_id in own:
            asked = replace(query, reached=positions.reached(log_id))
            return self._read(log_id, "query", asked, strong=strong)
        asked = replace(query, reached=positions.reached(log_id), sources=positions.among(own))
        return self._around.partitions.ask_reader(log_id, "read_query", asked)

    def _reached(self, log_id: LogId) -> int:
        return 0 if self._positions is None else self._positions.reached(log_id)

    def _read(self, log_id: LogId, method: str, message: Any, *, strong: bool) -> "asyncio.Future[Any]":
        if strong:
            return self._around.partitions.ask_leader(log_id, method, message)
        return self._around.partitions.ask_reader(log_id, f"read_{method}", message, at_leader=method)

    async def size(self, log_id: LogId) -> Size:
        """How much a partition's view holds."""
        size: Size = await self._around.partitions.ask_reader(log_id, "read_stats", Stats(log_id))
        return size

    async def restore_steps(self, table: Table) -> Steps:
        """How far the restore of a table is."""
        return await self._around.ask_restore(RestoreStatus(table.table_id))

    async def control(self, operation: str, request: dict[str, Any]) -> Response:
        """Have a table operation done; return once this router's catalog shows it."""
        answer = await self._around.ask_control(Control(operation, msgspec.json.encode(request)))
        await self.catalog.caught_up(Offset(answer.catalog_offset))
        return Response(200, answer.body)

    def later(self, work: Coroutine[Any, Any, Response]) -> "asyncio.Future[Response]":
        """Answer with what a coroutine comes to: for operations that ask more than one partition."""
        outer: asyncio.Future[Response] = self._around.loop.create_future()
        task = self._around.tasks.request("operation", work)
        task.add_done_callback(partial(self._finish, None, outer, _same))
        return outer

    def _answer(
        self, log_id: LogId, call: "asyncio.Future[Any]", render: Callable[[Any], Response]
    ) -> "asyncio.Future[Response]":
        outer: asyncio.Future[Response] = self._around.loop.create_future()
        if call.done():
            self._finish(log_id, outer, render, call)
        else:
            call.add_done_callback(partial(self._finish, log_id, outer, render))
        return outer

    def _finish(
        self,
        log_id: LogId | None,
        outer: "asyncio.Future[Response]",
        render: Callable[[Any], Response],
        call: "asyncio.Future[Any]",
    ) -> None:
        """`log_id`: of the partition that answered; None of an operation that has asked its partitions itself."""
        if outer.done() or call.cancelled():
            return
        error = call.exception()
        if error is None:
            try:
                answer = call.result()
                response = render(answer)
                response.position = self._token(log_id, answer)
            except Exception as fault:  # noqa: BLE001 - a DomainError, or a bug of ours that must not leave the client waiting
                response = error_response(fault)
        else:
            response = error_response(error)
        outer.set_result(response)

    def _token(self, log_id: LogId | None, answer: Any) -> str:
        """What the client is told of how far it has seen the logs."""
        if self._positions is None:
            return "" if log_id is None or not answer.reached else encode_position(log_id, answer.reached)
        if log_id is not None:
            self._positions.saw(log_id, answer.reached)
        return self._positions.token()

    def _watched(self, log_id: LogId, call: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
        """The call to a partition, whose answer is noted before anybody else sees it."""
        if call.done():
            self._note(log_id, call)
        else:
            call.add_done_callback(partial(self._note, log_id))
        return call

    def _note(self, log_id: LogId, call: "asyncio.Future[Any]") -> None:
        if not call.cancelled() and call.exception() is None:
            if self._positions is None:
                self._positions = Positions(None)
            self._positions.saw(log_id, call.result().reached)


def _same(response: Response) -> Response:
    return response


def _log_of(partitions: tuple[Partition, ...], key: bytes) -> LogId:
    return partition_for(partitions, token(key)).log_id
