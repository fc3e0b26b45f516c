"""The views of one materializer process, and the eventual reads that they answer.

Reads here see whatever the view has folded: consistent, in order, and behind the leader by as much as the log takes.
"""

import asyncio
from collections.abc import Iterator

from stator.model.errors import NotLeaderError
from stator.model.positions import LogId
from stator.ports.log import Log
from stator.ports.peers import Peers
from stator.ports.view import Views
from stator.rules.commands import Get, GetMany, Got, GotMany, Page, Query, Size, Stats
from stator.rules.reports import Place
from stator.runtime.lifecycle import Tasks
from stator.runtime.reads import images_of, place_of, read_page, size_of
from stator.runtime.replica import InstallBase, Replica


class MaterializerService:
    """One replica per log that this process holds."""

    def __init__(self, log: Log, views: Views, tasks: Tasks, install_base: InstallBase) -> None:
        self.replicas: dict[LogId, Replica] = {}
        self._log = log
        self._views = views
        self._tasks = tasks
        self._install_base = install_base
        self._followers: dict[LogId, asyncio.Task[None]] = {}

    def serve(self, peers: Peers) -> None:
        """Answer the readers' methods."""
        peers.serve("read_get", self.get)
        peers.serve("read_get_many", self.get_many)
        peers.serve("read_query", self.query)
        peers.serve("read_stats", self.stats)

    def hold(self, log_id: LogId) -> Replica:
        """Follow a log from now on."""
        found = self.replicas.get(log_id)
        if found is None:
            found = Replica(self._log, log_id, self._views.open(log_id), self._install_base)
            self.replicas[log_id] = found
            self._followers[log_id] = self._tasks.spawn(f"view-{log_id}", found.run())
        return found

    def forget(self, log_id: LogId) -> None:
        """Stop following a log and drop its view."""
        if self.replicas.pop(log_id, None) is not None:
            self._followers.pop(log_id).cancel()
            self._views.drop(log_id)

    def places(self) -> Iterator[Place]:
        """Where this process stands with the logs it follows."""
        for replica in self.replicas.values():
            yield place_of(replica, "views")

    def _replica(self, log_id: int) -> Replica:
        found = self.replicas.get(LogId(log_id))
        if found is None or not found.trusted:
            raise NotLeaderError(None)
        return found

    def get(self, request: Get) -> Got:
        """One item as the view has it."""
        stored = self._replica(request.log_id).view.get(request.key)
        return Got(None if stored is None else stored.image)

    def get_many(self, request: GetMany) -> GotMany:
        """Several items as the view has them."""
        return images_of(request.keys, self._replica(request.log_id).view.get)

    def query(self, request: Query) -> "asyncio.Future[Page]":
        """One page as the view has it."""
        page: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        read_page(self._replica(request.log_id).view, request, page)
        return page

    def stats(self, request: Stats) -> Size:
        """How much the view holds."""
        return size_of(self._replica(request.log_id))
