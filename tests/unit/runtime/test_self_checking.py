"""Views of one log check each other through the log, and one that is wrong is made anew from it."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryView
from stator.codec.log_records import DEFINE, decode_envelope, decode_stamp, encode_define
from stator.model.errors import DamagedDataError, DivergedError
from stator.model.positions import LogId, Offset
from stator.model.records import Kind
from stator.rules.stamps import MARKS_MAX, STAMP_EVERY, is_marked
from stator.runtime.replica import Replica
from tests.histories import RandomLog
from tests.unit.runtime.test_replica import no_base
from tests.virtual_time import run

LOG = LogId(7)


class Watched:
    """A log, a view of it, and what observers of its replica hear."""

    def __init__(self, seed: int = 1, steps: int = 40) -> None:
        self.log = RandomLog(LOG, random.Random(seed))
        self.log.grow(steps)
        self.store = MemoryLogStore()
        self.store.create(LOG)
        self.view = MemoryView(0)
        self.heard: list[Offset] = []
        self.damage: list[DamagedDataError] = []
        self.replica = Replica(MemoryLog(self.store), LOG, self.view, no_base)
        self.replica.observers.append(lambda offset, _: self.heard.append(offset))
        self.replica.on_damage.append(self.damage.append)
        self.land()

    def land(self) -> None:
        """What the log has grown by gets to its readers."""
        for message in self.log.messages[self.store.end(LOG) :]:
            self.store.land(LOG, message.data)

    def spoil(self) -> None:
        """The view believes to come to something else than the log says."""
        position = self.view.position
        self.view.apply([], replace(position, digest=position.digest ^ 1))

    async def caught_up(self) -> None:
        await self.replica.reached(self.log.end)

    def is_fold(self) -> bool:
        at = self.view.position.next_offset
        believed, true = self.view.position.digest, self.log.positions[at].digest
        return at == self.log.end and dict(self.view.scan(b"", None)) == self.log.states[at] and believed == true

    @contextmanager
    def following(self) -> Iterator[None]:
        task = asyncio.create_task(self.replica.run())
        try:
            yield
            assert not task.done() or self.replica.damaged
        finally:
            task.cancel()


def test_short_logs_have_marks_close_together_and_long_ones_every_thousand() -> None:
    assert [offset for offset in range(4_001) if is_marked(Offset(offset)) and offset] == [
        *(16, 32, 64, 128, 256, 512),
        *(1_000, 2_000, 3_000, 4_000),
    ]
    assert STAMP_EVERY == 1_000


@pytest.mark.parametrize("seed", range(10))
def test_all_views_take_the_same_marks_whatever_bursts_they_fold(seed: int) -> None:
    async def scenario() -> None:
        watched, dice = Watched(seed, steps=600), random.Random(seed)
        messages = watched.log.messages
        while (at := watched.view.position.next_offset) < len(messages):
            await watched.replica.fold(messages[at : at + dice.randint(1, 70)])
        taken = [offset for offset in (16, 32, 64, 128, 256, 512) if offset < len(messages)]
        assert watched.view.position.marks == tuple(watched.log.mark(offset) for offset in taken[-MARKS_MAX:])

    run(scenario())


def test_a_mark_that_the_log_confirms_is_forgotten() -> None:
    async def scenario() -> None:
        watched = Watched()
        watched.log.stamp(watched.log.mark(16))
        with capture_logs() as lines:
            await watched.replica.fold(watched.log.messages)
        assert [mark.offset for mark in watched.view.position.marks] == [32]
        assert lines == []

    run(scenario())


def test_a_stamp_of_a_place_that_the_view_did_not_mark_proves_nothing() -> None:
    async def scenario() -> None:
        watched = Watched()
        watched.log.stamp(replace(watched.log.mark(17), digest=5))
        await watched.replica.fold(watched.log.messages)
        assert watched.is_fold()

    run(scenario())


@pytest.mark.parametrize("field", ["digest", "items", "item_bytes"])
def test_a_stamp_that_says_something_else_is_not_folded(field: str) -> None:
    async def scenario() -> None:
        watched = Watched()
        true = watched.log.mark(32)
        watched.log.stamp(replace(true, **{field: getattr(true, field) + 1}))
        with pytest.raises(
            DivergedError, match=f"the stamp at {watched.log.end - 1} says that the records below 32 come to"
        ):
            await watched.replica.fold(watched.log.messages)

    run(scenario())


def test_a_view_that_the_log_disproves_is_made_anew_and_serves_again() -> None:
    async def scenario() -> None:
        watched = Watched(steps=20)
        with watched.following(), capture_logs() as lines:
            await watched.caught_up()
            watched.spoil()
            watched.log.grow(20)
            watched.log.stamp(watched.log.mark(32))
            watched.log.grow(3)
            watched.land()
            await watched.caught_up()
            assert watched.is_fold()
            assert watched.replica.trusted
            assert watched.heard == sorted(set(watched.heard))  # nobody hears of a record again
            assert watched.replica.rebuilds == len(watched.damage) == 1
        assert [line["event"] for line in lines] == ["replica_diverged", "replica_rebuilt"]
        assert lines[0]["log_id"] == LOG

    run(scenario())


def test_the_view_is_not_trusted_before_it_has_all_that_it_had() -> None:
    async def scenario() -> None:
        watched = Watched()
        with watched.following():
            await watched.caught_up()
            watched.replica.distrust(DivergedError("says a reader"))
            watched.replica.distrust(DivergedError("says another"))
            waiting = asyncio.ensure_future(watched.replica.reached(Offset(1)))
            await asyncio.sleep(0)
            assert not watched.replica.trusted
            assert not waiting.done()
            await waiting
            assert watched.is_fold()
            assert watched.replica.rebuilds == 1

    run(scenario())


def test_a_wrong_stamp_is_believed_once_and_then_disputed_with_all_of_its_epoch() -> None:
    async def scenario() -> None:
        watched = Watched()
        with watched.following(), capture_logs() as lines:
            watched.log.stamp(replace(watched.log.mark(32), digest=5))
            watched.land()
            await watched.caught_up()
            while watched.log.end <= 64:
                watched.log.write()
            watched.log.stamp(replace(watched.log.mark(64), digest=5))
            watched.land()
            await watched.caught_up()
            assert watched.is_fold()
            assert watched.replica.rebuilds == 1
        assert [line["event"] for line in lines] == ["replica_diverged", "stamp_disputed", "replica_rebuilt"]

    run(scenario())


class EndSoonOutdated(MemoryLog):
    """By the time somebody knows where it ended, it has gone on."""

    async def end(self, log_id: LogId) -> Offset:
        return Offset(await super().end(log_id) - 5)


def test_a_wrong_stamp_that_came_while_the_view_was_begun_anew_is_disputed_too() -> None:
    async def scenario() -> None:
        watched = Watched()
        watched.replica._log = EndSoonOutdated(watched.store)
        with watched.following(), capture_logs() as lines:
            watched.log.stamp(replace(watched.log.mark(32), digest=5))
            watched.log.write()
            watched.land()
            await watched.caught_up()
            assert watched.is_fold()
        assert [line["event"] for line in lines] == ["replica_diverged", "stamp_disputed", "replica_rebuilt"]

    run(scenario())


def test_a_stamp_of_a_version_to_come_is_a_barrier() -> None:
    async def scenario() -> None:
        watched = Watched()
        watched.log.stamp(replace(watched.log.mark(32), digest=5))
        stamped = decode_envelope(watched.log.messages[-1].data)
        assert decode_stamp(stamped) is not None
        assert decode_stamp(replace(stamped, schema=0x1234)) is None

    run(scenario())


def test_an_ignored_definition_at_the_end_of_the_log_keeps_nobody_waiting() -> None:
    async def scenario() -> None:
        watched = Watched()
        fenced = copy(watched.log._leader)
        watched.log.claim()
        definition = encode_define(b'{"revision":1}')
        watched.log._ignored(fenced.record(LOG, Kind.DEFINE, watched.log.now_us + 1, definition, DEFINE))
        watched.land()
        with watched.following():
            async with asyncio.timeout(5):
                await watched.caught_up()

    run(scenario())
