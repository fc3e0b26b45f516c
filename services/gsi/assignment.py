"""Which sources a process works on: it starts and stops them as the catalog and the assignment change.

An assignment is a hint (protocol R12): two processes that both believe to have a source fence each other, and the lanes
stay right.
"""

import asyncio
from collections.abc import Callable, Iterator

from stator.model.positions import LogId, Offset
from stator.model.tables import Table
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.reports import Place
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks

from .base_items import BaseItems
from .index_log import IndexLogs, Known
from .source import IndexedSource, ReadSource


class IndexedSources:
    """The sources this process works on. `read` opens a source log; `known` says where to start with an index log."""

    def __init__(
        self,
        node: str,
        log: Log,
        catalog: Catalog,
        clock: Clock,
        ids: IdSource,
        tasks: Tasks,
        base_items: BaseItems,
        read: ReadSource,
        known: Known,
    ) -> None:
        self._node = node
        self._log = log
        self._catalog = catalog
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._base_items = base_items
        self._read = read
        self._index_logs = IndexLogs(log, known, clock, ids, tasks)
        self._running: dict[LogId, tuple[IndexedSource, asyncio.Task[None]]] = {}

    def places(self) -> dict[LogId, Offset]:
        """Where the sources stand that hold their lanes: the next message each is to be fed."""
        return {
            log_id: source.propagator.next_offset
            for log_id, (source, _) in self._running.items()
            if source.propagator is not None
        }

    def standing(self) -> Iterator[Place]:
        """How far this process has turned its sources into index rows; what is on its way to the index logs counts in."""
        for log_id, next_offset in self.places().items():
            yield Place(log_id=log_id, duty="indexes", next_offset=next_offset)

    def indexed(self) -> dict[LogId, Table]:
        """All source logs of the deployment that have indexes, and their tables."""
        return {
            part.log_id: entry.table
            for entry in self._catalog.tables.values()
            if entry.table.indexes and entry.table.status != "DELETING"
            for part in entry.table.partitions
        }

    def assign(self, mine: Callable[[LogId], bool]) -> None:
        """Work on exactly those indexed sources for which `mine` holds."""
        wanted = {log_id: table for log_id, table in self.indexed().items() if mine(log_id)}
        for log_id, (source, task) in list(self._running.items()):
            if log_id not in wanted or wanted[log_id].indexes != source.table.indexes:
                task.cancel()
                del self._running[log_id]
        for log_id, table in wanted.items():
            if log_id not in self._running:
                self._start(table, log_id)

    def _start(self, table: Table, log_id: LogId) -> None:
        source = IndexedSource(
            self._node,
            table,
            log_id,
            self._read,
            self._base_items,
            self._index_logs,
            self._log,
            self._clock,
            self._ids,
        )
        self._running[log_id] = (source, self._tasks.spawn(f"index-source-{log_id}", source.run()))
