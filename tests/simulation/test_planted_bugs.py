"""What the simulator is worth: bugs put in on purpose, each of a kind that docs/protocol.md warns of, have to be found.

Two of them were not planted when they were found first. Patching is what planting means; nothing else here may do it.
"""

from dataclasses import replace
from typing import Any

import pytest

from services.gsi import index_log, propagate
from services.leader import group_commit, leadership, write_path
from services.restore import restore_tables
from stator.codec.log_records import decode_index_batch
from stator.model.errors import LogError, ServiceUnavailableError
from stator.model.positions import OWN_LANE, LaneState, Offset, TimestampUs
from stator.model.records import Envelope, Kind
from stator.rules import acceptance
from stator.rules.commands import Query
from stator.runtime import replica
from stator.runtime.reads import read_page
from tests.simulation.scenario import run_seed

SEEDS_MAX = 200

Patch = pytest.MonkeyPatch


def found_after(first: int) -> int:
    """How many seeds it takes until something is found."""
    for number in range(SEEDS_MAX):
        if run_seed(first + number).problems:
            return number + 1
    return SEEDS_MAX + 1


def any_report_confirms(patch: Patch) -> None:
    """A success report counts, wherever it says the record lies (R6)."""

    def reported(self: Any, batch: Any, offset: Offset | None, error: LogError | None) -> None:
        if error is None and self._in_flight and batch.seq >= self._in_flight[0].seq:
            while self._in_flight and self._in_flight[0].seq <= batch.seq:
                self._confirm_first(Offset(self.confirmed_offset + 1))
            self._schedule_cut()

    def accepted(self: Any, seq: int, offset: Offset) -> None:
        self._effects.pop(seq, None)

    patch.setattr(group_commit.GroupCommit, "_reported", reported)
    patch.setattr(group_commit.GroupCommit, "accepted", accepted)


def no_sequence(patch: Patch) -> None:
    """Readers take whatever the writer in force wrote, and do not count (R1)."""

    def accepts(lane: LaneState, record: Envelope) -> bool:
        if record.kind is Kind.CLAIM:
            return record.epoch > lane.epoch
        return (record.epoch, record.writer) == (lane.epoch, lane.writer)

    patch.setattr(acceptance, "accepts", accepts)


def refusals_at_once(patch: Patch) -> None:
    """A false condition is answered from what is decided, confirmed or not (R7)."""
    write = write_path.WritePath._write

    def hasty(self: Any, command: Any, future: Any) -> None:
        join = self._group.join
        self._group.join = lambda waiting: waiting.finish(waiting.future)
        try:
            write(self, command, future)
        finally:
            self._group.join = join

    patch.setattr(write_path.WritePath, "_write", hasty)


def reads_without_barrier(patch: Patch) -> None:
    """A leader that has not heard of its successor answers strong reads (R10)."""
    patch.setattr(write_path.WritePath, "_read", lambda _self, waiting: waiting.finish(waiting.future))


def queries_read_what_is_there(patch: Patch) -> None:
    """A strong query reads the view as it is, though what was confirmed may not be in it yet (R10)."""

    def hasty(self: Any, query: Query, future: Any) -> None:
        read_page(self._view, query, future)

    patch.setattr(write_path.WritePath, "_query", hasty)


def errors_mean_not_written(patch: Patch) -> None:
    """An append that was reported as failed is taken to have failed (R8)."""
    doubt = leadership.Leadership._doubt

    def sure(self: Any) -> None:
        for waiting in self._group.close():
            if not waiting.future.done():
                waiting.future.set_exception(ServiceUnavailableError("not written"))
        doubt(self)

    patch.setattr(leadership.Leadership, "_doubt", sure)


def claims_disown(patch: Patch) -> None:
    """A leader takes its next name when it claims and not when it has won. Found before it was planted."""
    won = leadership.Leadership._accepted

    def forgetful(self: Any, offset: Offset, record: Envelope) -> None:
        if record.kind is not Kind.CLAIM and self.state is leadership.State.CLAIMING:
            return
        won(self, offset, record)

    patch.setattr(leadership.Leadership, "_accepted", forgetful)


def lanes_by_source_offset(patch: Patch) -> None:
    """Index readers take any row from a source offset that is new to them, whoever wrote it (R15)."""
    real = acceptance.accept

    def accept(lane: LaneState, record: Envelope) -> LaneState | None:
        if record.lane == OWN_LANE or record.kind is not Kind.INDEX:
            return real(lane, record)
        if decode_index_batch(record).source.offset <= lane.source_offset:
            return None
        chain = acceptance.chain_after(lane.chain, record.raw)
        return replace(lane, epoch=record.epoch, writer=record.writer, seq=record.seq, chain=chain)

    patch.setattr(index_log, "accept", accept)
    patch.setattr(replica, "accept", accept)


def lanes_go_on_from_the_furthest(patch: Patch) -> None:
    """A worker that takes over believes that no lane is behind the one that got furthest."""
    claim = propagate.Propagator.claim

    async def optimistic(self: Any) -> None:
        await claim(self)
        self.position = max((lane.confirmed for lane in self._lanes), key=lambda position: position.offset)

    patch.setattr(propagate.Propagator, "claim", optimistic)


def clock_is_the_timestamp(patch: Patch) -> None:
    """Versions are the clock's, which the next leader's clock may lie behind."""
    patch.setattr(leadership.Leadership, "_timestamp", lambda self: TimestampUs(self._clock.now_us()))


def bases_say_where_they_were(patch: Patch) -> None:
    """A restore begun again writes another object under the same name. Found before it was planted."""
    patch.setattr(restore_tables, "_totals", lambda _origin, position: position)


def definitions_as_they_come(patch: Patch) -> None:
    """A leader appends whatever definition it is sent, late and twice."""
    define = write_path.WritePath._define

    def obedient(self: Any, waiting: Any, wanted: Any) -> None:
        self._revision = -1
        define(self, waiting, wanted)

    patch.setattr(write_path.WritePath, "_define", obedient)


PLANTED = (
    any_report_confirms,
    no_sequence,
    refusals_at_once,
    reads_without_barrier,
    queries_read_what_is_there,
    errors_mean_not_written,
    claims_disown,
    lanes_by_source_offset,
    lanes_go_on_from_the_furthest,
    clock_is_the_timestamp,
    bases_say_where_they_were,
    definitions_as_they_come,
)

FIRST_SEED = {lanes_go_on_from_the_furthest: 75, bases_say_where_they_were: 50}
"""Where to begin with what one seed in fifty finds, so that this takes seconds."""


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Any, monkeypatch: Patch) -> None:
    plant(monkeypatch)
    assert found_after(FIRST_SEED.get(plant, 0)) <= SEEDS_MAX
