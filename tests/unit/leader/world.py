"""A few leader processes in one loop over one shared log that does as the test says, in time that passes by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from services.leader.leadership import Leadership
from services.leader.server import LeaderService
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogReader, MemoryLogStore
from stator.adapters.view_memory import MemoryViews
from stator.codec.log_records import decode_effects, decode_envelope
from stator.model.errors import LogError
from stator.model.item import encode_image
from stator.model.positions import LaneState, LogId, LogPosition, Offset
from stator.model.records import Base, Effect, Envelope, Kind, LogMessage
from stator.ports.log import Report
from stator.ports.view import ViewWriter
from stator.rules.acceptance import accept
from stator.rules.commands import Expression, Get, Got, Outcome, PutItem, UpdateItem
from stator.runtime.lifecycle import Tasks
from tests.virtual_time import LoopClock

LOG = LogId(5)
Landing = Callable[["SteeredLog", LogId, bytes, Report], None]


def land(log: "SteeredLog", log_id: LogId, data: bytes, report: Report) -> None:
    """The ordinary case."""
    log.deliver(report, log.store.land(log_id, data), None)


def lose(log: "SteeredLog", _log_id: LogId, _data: bytes, report: Report) -> None:
    """Not written, and said to be in doubt."""
    log.deliver(report, None, LogError("timed out"))


def land_and_deny(log: "SteeredLog", log_id: LogId, data: bytes, report: Report) -> None:
    """Written, and said to be in doubt."""
    log.store.land(log_id, data)
    log.deliver(report, None, LogError("timed out"))


def land_mutely(log: "SteeredLog", log_id: LogId, data: bytes, _report: Report) -> None:
    """Written, and nothing said."""
    log.store.land(log_id, data)


def vanish(_log: "SteeredLog", _log_id: LogId, _data: bytes, _report: Report) -> None:
    """Not written, and nothing said."""


def land_without_offset(log: "SteeredLog", log_id: LogId, data: bytes, report: Report) -> None:
    """Written, reported, but not where."""
    log.store.land(log_id, data)
    log.deliver(report, None, None)


class SteeredLog(MemoryLog):
    """A handle whose appends of anything but claims end as `landing` says; while `holding`, they wait on the wire.

    While it is `away`, nobody learns where it ends. All that is appended, claims too, takes `late_s` to begin with,
    and what is read from it `reading_s`.
    """

    def __init__(self, store: MemoryLogStore, *, exclusive: bool) -> None:
        super().__init__(store, exclusive=exclusive)
        self.landing: Landing = land
        self.holding = False
        self.away = False
        self.late_s = 0.0
        self.reading_s = 0.0
        self.readers = 0
        """How many were opened."""
        self.on_the_wire: list[tuple[LogId, bytes, Report]] = []

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        if self.late_s:
            asyncio.get_running_loop().call_later(self.late_s, self._arrive, log_id, data, report)
        else:
            self._arrive(log_id, data, report)

    def _arrive(self, log_id: LogId, data: bytes, report: Report) -> None:
        if decode_envelope(data).kind is Kind.CLAIM:
            land(self, log_id, data, report)
        elif self.holding:
            self.on_the_wire.append((log_id, data, report))
        else:
            self.landing(self, log_id, data, report)

    async def end(self, log_id: LogId) -> Offset:
        if self.away:
            raise LogError("the log is away")
        return await super().end(log_id)

    def read(self, log_id: LogId, start: Offset) -> "SteeredReader":
        self.readers += 1
        return SteeredReader(self, log_id, start)

    def release(self) -> None:
        """What waits on the wire lands, in order."""
        self.holding = False
        waiting, self.on_the_wire = self.on_the_wire, []
        for held in waiting:
            self.landing(self, *held)


class SteeredReader(MemoryLogReader):
    """A place in such a log."""

    def __init__(self, log: SteeredLog, log_id: LogId, start: Offset) -> None:
        super().__init__(log, log_id, start)
        self._steered = log

    async def read(self) -> Sequence[LogMessage]:
        messages = await super().read()
        if self._steered.reading_s:
            await asyncio.sleep(self._steered.reading_s)
        return messages


class Process:
    """One leader process."""

    def __init__(
        self,
        store: MemoryLogStore,
        name: str,
        *,
        exclusive: bool,
        on_use: bool,
        by_lease: bool,
        install: Callable[..., Awaitable[None]],
    ) -> None:
        self.log = SteeredLog(store, exclusive=exclusive)
        self.clock = LoopClock()
        self.failures: list[str] = []
        self.tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        self.service = LeaderService(
            name,
            self.log,
            MemoryViews(),
            self.clock,
            SeededIds(Random(name)),
            self.tasks,
            install,
            on_use=on_use,
            by_lease=by_lease,
        )

    @property
    def partition(self) -> Leadership:
        return self.service.partition(LOG)

    def put(self, pk: str, value: str, condition: str | None = None) -> "asyncio.Future[Outcome]":
        return self.partition.submit(put_item(pk, value, condition))

    def add(self, pk: str) -> "asyncio.Future[Outcome]":
        return self.partition.submit(add_one(pk))

    async def get(self, pk: str) -> bytes | None:
        got: Got = await self.partition.submit(Get(LOG, pk.encode()))
        return got.image


class World:
    """The log, and the processes around it."""

    def __init__(self, *, exclusive: bool = False, by_lease: bool = False) -> None:
        self.store = MemoryLogStore()
        self.store.create(LOG)
        self.exclusive = exclusive
        self.by_lease = by_lease
        self.bases: list[Base] = []

    def process(self, name: str, *, on_use: bool = True) -> Process:
        return Process(
            self.store, name, exclusive=self.exclusive, on_use=on_use, by_lease=self.by_lease, install=self._install
        )

    async def _install(self, base: Base, view: ViewWriter, position: LogPosition) -> None:
        self.bases.append(base)
        view.install((), position)

    def accepted(self) -> list[tuple[Offset, Envelope]]:
        """What counts in the log, by R1 alone."""
        lane, records = LaneState(), []
        for message in self.store.messages(LOG, Offset(0)):
            record = decode_envelope(message.data)
            after = accept(lane, record)
            if after is not None:
                lane = after
                records.append((message.offset, record))
        return records

    def kinds(self) -> list[Kind]:
        return [record.kind for _, record in self.accepted()]

    def batches(self) -> list[list[Effect]]:
        """The effects of each accepted record that has some."""
        return [decode_effects(record) for _, record in self.accepted() if record.kind is Kind.EFFECT]

    def effects(self) -> list[Effect]:
        return [effect for batch in self.batches() for effect in batch]

    def content(self) -> dict[bytes, bytes]:
        """What the log's effects come to."""
        items: dict[bytes, bytes] = {}
        for effect in self.effects():
            assert items.get(effect.key) == effect.old
            if effect.new is None:
                items.pop(effect.key, None)
            else:
                items[effect.key] = effect.new
        return items


def image(pk: str, value: str) -> bytes:
    return encode_image({"pk": {"S": pk}, "v": {"S": value}})


def counter(pk: str, count: int) -> bytes:
    return encode_image({"pk": {"S": pk}, "n": {"N": str(count)}})


def put_item(pk: str, value: str, condition: str | None = None) -> PutItem:
    expression = None if condition is None else Expression(condition, {}, {})
    return PutItem(pk.encode(), image(pk, value), expression)


def add_one(pk: str) -> UpdateItem:
    return UpdateItem(pk.encode(), {"pk": {"S": pk}}, Expression("ADD n :one", {}, {":one": {"N": "1"}}))
