"""Change topics in memory: the twin that tests and the simulator run on.

A `MemoryChangeStore` is what survives; each process has its own `MemoryChanges` handle on it, and `kill` cuts a handle
off the way a crash cuts off a process. For faults, subclass `MemoryChanges` and override `commit`, the one door in: raising
ChangesError before or after `MemoryChangeStore.land` is an append that was lost, or one whose report was.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from stator.model.changes import ChangeMessage, ChangeProgress
from stator.model.positions import LogId
from stator.ports.changes import STATE_BYTES_MAX, ChangesError, ChangesFencedError


@dataclass(slots=True)
class _Topic:
    partitions: list[list[ChangeMessage]]


@dataclass(slots=True)
class _Publisher:
    generation: int = 0
    progress: ChangeProgress | None = None


@dataclass(slots=True)
class MemoryChangeStore:
    """The topics themselves, and who may publish which log."""

    _topics: dict[str, _Topic] = field(default_factory=dict)
    _publishers: dict[LogId, _Publisher] = field(default_factory=dict)

    def create(self, topic: str, partitions: int) -> None:
        """Make an empty topic, unless it exists."""
        self._topics.setdefault(topic, _Topic([[] for _ in range(partitions)]))

    def partition(self, topic: str, partition: int) -> list[ChangeMessage]:
        """All messages of a partition, in order. Raises ChangesError for a partition that does not exist."""
        found = self._topics.get(topic)
        if found is None or partition >= len(found.partitions):
            raise ChangesError(f"{topic} has no partition {partition}")
        return found.partitions[partition]

    def publisher(self, log_id: LogId) -> _Publisher:
        """Who publishes a log now, and how far."""
        return self._publishers.setdefault(log_id, _Publisher())

    def land(self, log_id: LogId, generation: int, messages: Sequence[ChangeMessage], progress: ChangeProgress) -> None:
        """Carry out an append. Raises ChangesFencedError unless `generation` was opened last."""
        publisher = self.publisher(log_id)
        if publisher.generation != generation:
            raise ChangesFencedError(f"log {log_id} has another publisher")
        places = [self.partition(message.topic, message.partition) for message in messages]
        for place, message in zip(places, messages, strict=True):
            place.append(message)
        publisher.progress = progress


class MemoryChangeAppender:
    """One generation of a log's publisher."""

    def __init__(self, changes: "MemoryChanges", log_id: LogId) -> None:
        publisher = changes.store.publisher(log_id)
        publisher.generation += 1
        self.progress = publisher.progress
        self._changes = changes
        self._log_id = log_id
        self._generation = publisher.generation

    async def append(self, messages: Sequence[ChangeMessage], progress: ChangeProgress) -> None:
        """See `ChangeAppender.append`."""
        if len(progress.state) > STATE_BYTES_MAX:
            raise ChangesError(f"a state has at most {STATE_BYTES_MAX} bytes")
        await self._changes.outlive()
        await self._changes.commit(self._log_id, self._generation, messages, progress)
        await self._changes.outlive()

    async def close(self) -> None:
        """See `ChangeAppender.close`."""


class MemoryChanges:
    """One process's handle on a store."""

    def __init__(self, store: MemoryChangeStore) -> None:
        self.store = store
        self._killed = False

    def kill(self) -> None:
        """Crash: nothing lands any more, and nothing awaited here ever returns."""
        self._killed = True

    async def outlive(self) -> None:
        """Return at once in a living process, never in a killed one."""
        if self._killed:
            await asyncio.get_running_loop().create_future()

    async def commit(
        self, log_id: LogId, generation: int, messages: Sequence[ChangeMessage], progress: ChangeProgress
    ) -> None:
        """Everything that is appended passes here."""
        self.store.land(log_id, generation, messages, progress)

    async def create(self, topic: str, partitions: int) -> None:
        """See `Changes.create`."""
        await self.outlive()
        self.store.create(topic, partitions)

    async def untouched(self, topic: str, partition: int) -> bool:
        """See `Changes.untouched`."""
        await self.outlive()
        return not self.store.partition(topic, partition)

    async def open(self, log_id: LogId) -> MemoryChangeAppender:
        """See `Changes.open`."""
        await self.outlive()
        return MemoryChangeAppender(self, log_id)

    async def close(self) -> None:
        """See `Changes.close`."""
