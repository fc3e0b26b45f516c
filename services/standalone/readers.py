"""Which view answers an eventual read where one process has everything: a table's partition from its leader's view, an index
partition from a view of its own, and, if reads are to be behind, everything from a second view that is.

Views are opened when they are first asked for, so that starting up does not take longer the more tables there are. Not to break: a
view that was just opened does not answer before it has read what its log already holds.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from stator.model.changes import Shard
from stator.model.errors import ResourceNotFoundError
from stator.model.positions import LEDGER_LOG, LogId, LogPosition
from stator.model.tables import Table
from stator.ports.log import Log
from stator.ports.peers import Peers
from stator.rules.commands import Get, GetMany, Query, Stats
from stator.rules.reports import Report
from stator.runtime.catalog import Catalog
from stator.runtime.delayed_log import DelayedLog
from stator.runtime.lifecycle import Tasks
from stator.runtime.replica import Replica

from ..leader.server import LeaderService
from ..materializer.server import MaterializerService, Read


class HeldHere:
    """Eventual reads: a table's partition from its leader's view, an index partition from a view of its own."""

    def __init__(
        self, leaders: LeaderService, indexes: MaterializerService, log: Log, catalog: Catalog, tasks: Tasks
    ) -> None:
        self._log = log
        self._tasks = tasks
        self._caught_up: set[LogId] = set()
        self._leaders = leaders
        self._indexes = indexes
        self._index_logs: set[LogId] = set()
        self._catalog = catalog
        for held in catalog.tables.values():
            self._changed(None, held.table)
        catalog.watchers.append(self._changed)

    def serve(self, peers: Peers) -> None:
        """Answer the readers' methods."""
        peers.serve("read_get", self.get)
        peers.serve("read_get_many", self.get)
        peers.serve("read_query", self.query)
        peers.serve("read_stats", self.stats)

    def get(self, request: Get | GetMany) -> "asyncio.Future[object]":
        """One item or several."""
        return self._leaders.partition(LogId(request.log_id)).submit(request)

    def query(self, request: Query) -> object:
        """One page."""
        log_id = LogId(request.log_id)
        if log_id not in self._index_logs:
            return self._leaders.partition(log_id).submit(request)
        if log_id in self._caught_up:
            return self._indexes.query(request)
        return self._tasks.request("first-query", self._after_catching_up(log_id, self._indexes.query, request))

    def stats(self, request: Stats) -> object:
        """How much a view holds."""
        log_id = LogId(request.log_id)
        if log_id not in self._index_logs:
            return self._leaders.stats(request)
        if log_id in self._caught_up:
            return self._indexes.stats(request)
        return self._tasks.request("first-stats", self._after_catching_up(log_id, self._indexes.stats, request))

    async def open_all(self) -> list[Report]:
        """Have a place to report for the ledger and every log of every table, also for those not used since the start. There is
        nobody else to ask.
        """
        for log_id in [LEDGER_LOG, *(log_id for held in self._catalog.tables.values() for log_id in held.table.logs)]:
            if log_id in self._index_logs:
                self._indexes.hold(log_id)
            else:
                self._leaders.partition(log_id)
        return []

    def newest(self, shard: Shard) -> LogPosition:
        """Where the view of a shard's log stands. A deleted table has none, and must not be opened for readers of its stream."""
        table = self._catalog.table(shard.table.name)
        if table is None or table.table_id != shard.table.table_id:
            return LogPosition()
        return self._leaders.partition(shard.log_id).replica.position

    async def _after_catching_up(self, log_id: LogId, answer: Callable[[Any], object], request: object) -> object:
        """A view that is opened on its first use must not answer before it has read what its log already holds."""
        replica = self._indexes.hold(log_id)
        await replica.reached(await self._log.end(log_id))
        self._caught_up.add(log_id)
        result = answer(request)
        return await result if isinstance(result, asyncio.Future) else result

    def _changed(self, before: Table | None, after: Table | None) -> None:
        gone = set(() if before is None else before.logs) - set(() if after is None else after.logs)
        for log_id in gone:
            self._index_logs.discard(log_id)
            self._caught_up.discard(log_id)
            self._indexes.forget(log_id)
            self._leaders.forget(log_id)
        if after is not None:
            self._index_logs.update(part.log_id for index in after.indexes for part in index.partitions)


class HeldBack:
    """Eventual reads from views that are behind on purpose. `views` follow `log`."""

    def __init__(self, log: DelayedLog, views: MaterializerService, catalog: Catalog, tasks: Tasks) -> None:
        self._log = log
        self._views = views
        self._tasks = tasks
        self._logs: set[LogId] = set()
        self._caught_up: set[LogId] = set()
        for held in catalog.tables.values():
            self._changed(None, held.table)
        catalog.watchers.append(self._changed)

    def serve(self, peers: Peers) -> None:
        """Answer the readers' methods in the place of whoever did."""
        views = self._views
        answers: dict[str, Callable[[Any], Any]] = {
            "read_get": views.get,
            "read_get_many": views.get_many,
            "read_query": views.query,
        }
        for method, answer in answers.items():
            peers.serve(method, partial(self._read, answer))

    def _read(self, answer: Callable[[Any], Any], request: Read) -> object:
        log_id = LogId(request.log_id)
        if log_id in self._caught_up:
            return answer(request)
        if log_id not in self._logs:  # deleted meanwhile: a view of it would be followed for ever
            raise ResourceNotFoundError("Requested resource not found")
        return self._tasks.request("first-read", self._first_read(log_id, answer, request))

    async def _first_read(self, log_id: LogId, answer: Callable[[Any], Any], request: Read) -> object:
        await self._catch_up(self._views.hold(log_id))
        if log_id in self._logs:
            self._caught_up.add(log_id)
        result = answer(request)
        return await result if isinstance(result, asyncio.Future) else result

    async def _catch_up(self, replica: Replica) -> None:
        """Until the view has all that is old enough for it."""
        end = await self._log.end(replica.log_id)
        either = {
            asyncio.ensure_future(replica.reached(end)),
            asyncio.ensure_future(self._log.waits(replica.log_id).wait()),
        }
        try:
            done, _ = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in either:
                task.cancel()
        for task in done:
            task.result()

    def _changed(self, before: Table | None, after: Table | None) -> None:
        had = set(() if before is None else before.logs)
        has = set(() if after is None else after.logs)
        for log_id in had - has:
            self._caught_up.discard(log_id)
            self._views.forget(log_id)
            self._log.forget(log_id)
        self._logs = self._logs - had | has
