"""The views of one materializer process, and the eventual reads that they answer.

Reads here see whatever the view has folded: consistent, in order, and behind the leader by as much as the log takes. A reader
who has seen more than that says so, and is not answered before the view is as far.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from stator.model.errors import DamagedDataError, NotLeaderError, ViewBehindError
from stator.model.positions import LaneId, LogId, LogPosition
from stator.ports.log import LogSource
from stator.ports.peers import Peers
from stator.ports.view import Views
from stator.rules.commands import Get, GetMany, Got, GotMany, Page, Query, Size, Stats
from stator.rules.reports import Place
from stator.runtime.lifecycle import Tasks
from stator.runtime.reads import images_of, place_of, read_page, size_of
from stator.runtime.replica import InstallBase, Replica

WAIT_S = 1.0
"""Before a reader is sent elsewhere: far above what a view is behind when nothing is wrong. A view that is behind on purpose
need not wait at all: what it does not have is too young for it."""

Read = Get | GetMany | Query


class MaterializerService:
    """One replica per log that this process holds. `wait_s`: how long a view may take to be as far as a reader wants."""

    def __init__(
        self, log: LogSource, views: Views, tasks: Tasks, install_base: InstallBase, *, wait_s: float = WAIT_S
    ) -> None:
        self.replicas: dict[LogId, Replica] = {}
        self._log = log
        self._views = views
        self._tasks = tasks
        self._install_base = install_base
        self._wait_s = wait_s
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

    def get(self, request: Get) -> "Got | asyncio.Future[Got]":
        """One item as the view has it."""
        replica = self._replica(request.log_id)
        if _is_behind(replica.position, request):
            return self._later(replica, request, self.get)
        stored = replica.items.get(request.key)
        return Got(None if stored is None else stored.image, replica.position.next_offset)

    def get_many(self, request: GetMany) -> "GotMany | asyncio.Future[GotMany]":
        """Several items as the view has them."""
        replica = self._replica(request.log_id)
        if _is_behind(replica.position, request):
            return self._later(replica, request, self.get_many)
        return images_of(request.keys, replica.items.get, replica.position.next_offset)

    def query(self, request: Query) -> "asyncio.Future[Page]":
        """One page as the view has it."""
        replica = self._replica(request.log_id)
        if _is_behind(replica.position, request):
            return self._later(replica, request, self.query)
        page: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        read_page(replica.items, request, page)
        return page

    def _later(self, replica: Replica, request: Read, answer: Callable[[Any], Any]) -> "asyncio.Future[Any]":
        return self._tasks.request("awaited-read", self._awaited(replica, request, answer))

    async def _awaited(self, replica: Replica, request: Read, answer: Callable[[Any], Any]) -> Any:
        """Answer once the view is far enough. Raises ViewBehindError when it does not get there in time."""
        try:
            async with asyncio.timeout(self._wait_s):
                await replica.arrived(lambda position: not _is_behind(position, request))
        except TimeoutError as error:
            raise ViewBehindError from error
        except DamagedDataError as error:
            raise NotLeaderError(None) from error
        result = answer(request)
        return await result if isinstance(result, asyncio.Future) else result

    def stats(self, request: Stats) -> Size:
        """How much the view holds."""
        return size_of(self._replica(request.log_id))


def _is_behind(position: LogPosition, request: Read) -> bool:
    """Whether the reader has seen what a view at this position has not: of its log, or (an index's) of the logs it comes from."""
    if position.next_offset < request.reached:
        return True
    sources = request.sources.items() if isinstance(request, Query) else ()
    return any(position.lane(LaneId(source)).source_offset < reached - 1 for source, reached in sources)
