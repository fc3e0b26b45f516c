"""The partitions of one leader process, and the messages that reach them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from stator.model.errors import OutcomeUnknownError, ResourceNotFoundError
from stator.model.positions import Epoch, LogId
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.ports.peers import Peers
from stator.ports.view import Views
from stator.rules.commands import Define, Defined, Size, Stats, Write
from stator.rules.reports import Place
from stator.runtime.lifecycle import Tasks
from stator.runtime.meters import Meters
from stator.runtime.reads import place_of, size_of
from stator.runtime.replica import InstallBase, Replica

from .append_meter import AppendMeter
from .leadership import Leadership, State


class LeaderService:
    """Keeps a warm view of each partition it is given and answers for those that it leads.

    `on_use` (standalone): a partition is opened and claimed when the first request for it comes. `by_lease`: strong reads go by
    leases (R9), which all leaders of a deployment must agree on. `meters` take what appends measure.
    """

    def __init__(
        self,
        node: str,
        log: Log,
        views: Views,
        clock: Clock,
        ids: IdSource,
        tasks: Tasks,
        install_base: InstallBase,
        *,
        on_use: bool,
        by_lease: bool = False,
        meters: Meters | None = None,
    ) -> None:
        self.partitions: dict[LogId, Leadership] = {}
        self._node = node
        self._log = log
        self._views = views
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._install_base = install_base
        self._on_use = on_use
        self._by_lease = by_lease
        self._meter = AppendMeter(meters or Meters(), clock.monotonic)
        self.on_release: list[Callable[[LogId, Epoch], None]] = []
        """Told when another process has released a partition that is open here, and of which epoch."""
        self._followers: dict[LogId, asyncio.Task[None]] = {}
        self._gone: set[LogId] = set()
        """Logs that were forgotten where any request opens a partition: one that comes late must not open it again, for good. Their
        ids are never given again. Elsewhere the assignment tells what to open, and forgets what it finds opened in vain.
        """

    def serve(self, peers: Peers) -> None:
        """Answer the leader's methods."""
        peers.serve("write", self._write)
        for method in (
            "write_many",
            "transact",
            "prepare",
            "finish",
            "decide",
            "get",
            "get_many",
            "transact_read",
            "query",
            "close",
            "define",
        ):
            peers.serve(method, lambda request: self.partition(LogId(request.log_id)).submit(request))
        peers.serve("lead", self._lead)
        peers.serve("stats", self.stats)

    def partition(self, log_id: LogId) -> Leadership:
        """The partition of a log, opened (and followed from now on) if it was not. Raises ResourceNotFoundError when its table
        was deleted.
        """
        found = self.partitions.get(log_id)
        if found is not None:
            return found
        if log_id in self._gone:
            raise ResourceNotFoundError("Requested resource not found")
        replica = Replica(self._log, log_id, self._views.open(log_id), self._install_base, remembers=True)
        leadership = Leadership(
            self._node,
            replica,
            self._log,
            self._clock,
            self._ids,
            self._tasks,
            claim_on_use=self._on_use,
            by_lease=self._by_lease,
            meter=self._meter,
            on_release=self._released,
        )
        self.partitions[log_id] = leadership
        self._followers[log_id] = self._tasks.spawn(f"replica-{log_id}", replica.run())
        return leadership

    def led(self, log_id: LogId) -> Leadership | None:
        """The partition if this process leads it. Where partitions are claimed on use, this is one, and the next call finds it."""
        opens = self._on_use and log_id not in self._gone
        found = self.partition(log_id) if opens else self.partitions.get(log_id)
        if found is None or found.state is State.LEADING:
            return found
        if self._on_use and not found.replica.damaged:
            found.claim()
        return None

    def forget(self, log_id: LogId) -> None:
        """The partition is gone: stop following it and drop its view."""
        if self._on_use:
            self._gone.add(log_id)
        leadership = self.partitions.pop(log_id, None)
        if leadership is None:
            return
        leadership.resign(OutcomeUnknownError("The table was deleted while the request was under way"))
        self._followers.pop(log_id).cancel()
        self._views.drop(log_id)

    async def release(self) -> None:
        """Hand on whatever this process leads."""
        await asyncio.gather(*(partition.release() for partition in self.partitions.values()))

    def _released(self, log_id: LogId, epoch: Epoch) -> None:
        for tell in self.on_release:
            tell(log_id, epoch)

    def places(self) -> Iterator[Place]:
        """Where this process stands with its partitions. One that it would claim on use it leads: nobody else does."""
        for partition in self.partitions.values():
            leads = self._on_use or partition.state is State.LEADING
            yield place_of(partition.replica, "leads" if leads else "follows", partition.epoch if leads else 0)

    def replicas(self) -> Iterator[Replica]:
        """All that this process follows."""
        yield from (partition.replica for partition in self.partitions.values())

    def leads(self) -> dict[int, int]:
        """Logs led by this process, or held while in doubt, with the epochs: for the heartbeat."""
        return {log_id: partition.epoch for log_id, partition in self.partitions.items() if partition.holds}

    def _write(self, request: Write) -> "asyncio.Future[Any]":
        return self.partition(LogId(request.log_id)).submit(request.command)

    def _lead(self, request: Define) -> "asyncio.Future[Defined]":
        return self._tasks.request(f"lead-{request.log_id}", self.partition(LogId(request.log_id)).lead(request))

    def stats(self, request: Stats) -> Size:
        """How much the partition's view holds."""
        return size_of(self.partition(LogId(request.log_id)).replica)
