"""A reader who has seen more than a view has is not answered by it before it is as far."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.materializer.server import WAIT_S, MaterializerService, Read
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryViews
from stator.codec.log_records import CLAIM, PROGRESS, encode_claim, encode_envelope, encode_progress, fingerprint
from stator.model.errors import NotLeaderError, ViewBehindError
from stator.model.positions import Epoch, LaneId, LaneState, LogId, Offset, Seq, TimestampUs, WriterId
from stator.model.records import Kind, SourcePosition
from stator.rules.acceptance import chain_after
from stator.rules.commands import Get, GetMany, Query
from stator.runtime.lifecycle import Tasks
from tests.histories import RandomLog
from tests.virtual_time import run, settle

LOG = LogId(5)
SOURCE = LogId(3)


class World:
    """One materializer with the view of one log, of which the test decides how much there is."""

    def __init__(self) -> None:
        self.log = RandomLog(LOG, random.Random(4))
        self.log.grow(30)
        self.store = MemoryLogStore()
        self.store.create(LOG)
        self.landed = 0
        self.tasks = Tasks(lambda task, error: pytest.fail(f"{task}: {error!r}"))
        self.service = MaterializerService(MemoryLog(self.store), MemoryViews(), self.tasks, _no_base)
        self.replica = self.service.hold(LOG)

    def land(self, until: int) -> None:
        """The log has everything below `until`."""
        for message in self.log.messages[self.landed : until]:
            self.store.land(LOG, message.data)
        self.landed = until

    async def ask(self, request: Read) -> Any:
        """Whatever the service says, at once or later."""
        serve: dict[type, Callable[[Any], Any]] = {
            Get: self.service.get,
            GetMany: self.service.get_many,
            Query: self.service.query,
        }
        given = serve[type(request)](request)
        return await given if isinstance(given, asyncio.Future) else given


async def _no_base(*_: Any) -> None:
    raise AssertionError("no log here begins with a Base")


def scenario(play: Callable[[World], Awaitable[None]]) -> None:
    """Play in a world, and end what runs in it."""

    async def whole() -> None:
        world = World()
        try:
            await play(world)
        finally:
            await world.tasks.close()

    run(whole())


READS: list[Callable[[int], Read]] = [
    lambda reached: Get(LOG, b"key", reached),
    lambda reached: GetMany(LOG, [b"key"], reached),
    lambda reached: Query(LOG, b"", None, reverse=False, limit=0, reached=reached),
]


@pytest.mark.parametrize("read", READS)
def test_a_read_waits_until_the_view_is_as_far_as_its_reader(read: Callable[[int], Read]) -> None:
    async def play(world: World) -> None:
        world.land(10)
        await settle()
        asked = asyncio.ensure_future(world.ask(read(20)))
        world.land(19)
        await settle()
        assert not asked.done()
        world.land(25)
        assert (await asked).reached >= 20

    scenario(play)


@pytest.mark.parametrize("read", READS)
def test_a_view_that_does_not_get_there_says_so_in_time(read: Callable[[int], Read]) -> None:
    async def play(world: World) -> None:
        world.land(10)
        began = asyncio.get_running_loop().time()
        with pytest.raises(ViewBehindError):
            await world.ask(read(11))
        assert asyncio.get_running_loop().time() - began == pytest.approx(WAIT_S)
        assert not world.replica._waiters, "who has given up is forgotten"

    scenario(play)


@pytest.mark.parametrize("read", READS)
def test_a_view_that_is_far_enough_tells_where_it_is(read: Callable[[int], Read]) -> None:
    async def play(world: World) -> None:
        world.land(10)
        await settle()
        for reached in (0, 9, 10):
            assert (await world.ask(read(reached))).reached == 10

    scenario(play)


def test_a_view_that_breaks_meanwhile_sends_its_readers_elsewhere() -> None:
    async def play(world: World) -> None:
        world.land(10)
        await settle()
        asked = asyncio.ensure_future(world.ask(Get(LOG, b"key", 20)))
        await settle()
        world.store.land(LOG, b"no record")
        with pytest.raises(NotLeaderError):
            await asked

    scenario(play)


def test_an_index_answers_once_it_has_all_that_the_reader_saw_of_its_source() -> None:
    async def play(world: World) -> None:
        lane = SourceLane(world.store)
        await settle()
        query = Query(LOG, b"", None, reverse=False, limit=0, sources={SOURCE: 8})
        asked = asyncio.ensure_future(world.ask(query))
        lane.completes(6)
        await settle()
        assert not asked.done()
        lane.completes(7)
        assert (await asked).reached == 3

    scenario(play)


def test_an_index_that_never_heard_of_a_source_is_behind() -> None:
    async def play(world: World) -> None:
        SourceLane(world.store)
        with pytest.raises(ViewBehindError):
            await world.ask(Query(LOG, b"", None, reverse=False, limit=0, sources={SOURCE + 1: 1}))

    scenario(play)


class SourceLane:
    """The lane of an index log that `SOURCE` has, claimed."""

    def __init__(self, store: MemoryLogStore) -> None:
        self._store = store
        self._lane = LaneState(Epoch(1), WriterId(9), Seq(-1))
        self._append(Kind.CLAIM, CLAIM, encode_claim("node"))

    def completes(self, offset: int) -> None:
        """Everything of the source up to here is in the index."""
        self._append(Kind.PROGRESS, PROGRESS, encode_progress(SourcePosition(Offset(offset), LaneState())))

    def _append(self, kind: Kind, schema: str, payload: bytes) -> None:
        was = self._lane
        seq = Seq(was.seq + 1)
        raw = encode_envelope(
            kind,
            LOG,
            LaneId(SOURCE),
            was.epoch,
            was.writer,
            seq,
            was.chain,
            TimestampUs(seq + 1),
            fingerprint(schema),
            payload,
        )
        self._lane = LaneState(was.epoch, was.writer, seq, chain_after(was.chain, raw))
        self._store.land(LOG, raw)
