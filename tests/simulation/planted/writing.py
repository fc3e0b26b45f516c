"""Bugs of who writes a log and of what counts in it: R1 to R8."""

from typing import Any

from services.leader import group_commit, leadership
from stator.model.errors import LogError, ServiceUnavailableError
from stator.model.positions import LaneState, Offset, TimestampUs
from stator.model.records import Envelope, Kind
from stator.rules import acceptance, append_patience
from tests.simulation.planting import Patch, plant


@plant("R6", seen_at=21)
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


@plant("R1", seen_at=4)
def no_sequence(patch: Patch) -> None:
    """Readers take whatever the writer in force wrote, and do not count (R1)."""

    def accepts(lane: LaneState, record: Envelope) -> bool:
        if record.kind is Kind.CLAIM:
            return record.epoch > lane.epoch
        return (record.epoch, record.writer) == (lane.epoch, lane.writer)

    patch.setattr(acceptance, "accepts", accepts)


@plant("R8", seen_at=7)
def errors_mean_not_written(patch: Patch) -> None:
    """An append that was reported as failed is taken to have failed (R8)."""
    doubt = leadership.Leadership._doubt

    def sure(self: Any) -> None:
        for waiting in self._group.close():
            if not waiting.future.done():
                waiting.future.set_exception(ServiceUnavailableError("not written"))
        doubt(self)

    patch.setattr(leadership.Leadership, "_doubt", sure)


@plant("R4", seen_at=148)
def claims_disown(patch: Patch) -> None:
    """A leader takes its next name when it claims and not when it has won. Found before it was planted."""
    won = leadership.Leadership._accepted

    def forgetful(self: Any, offset: Offset, record: Envelope) -> None:
        if record.kind is not Kind.CLAIM and self.state is leadership.State.CLAIMING:
            return
        won(self, offset, record)

    patch.setattr(leadership.Leadership, "_accepted", forgetful)


@plant("R5", seen_at=163)
def clock_is_the_timestamp(patch: Patch) -> None:
    """Versions are the clock's, which the next leader's clock may lie behind."""
    patch.setattr(leadership.Leadership, "_timestamp", lambda self: TimestampUs(self._clock.now_us()))


@plant("R4", seen_at=46)
def own_older_claims_are_a_strangers(patch: Patch) -> None:
    """A process that claims twice takes its first Claim for somebody else's (R4). Found before it was planted."""
    accepted = leadership.Leadership._accepted

    def forgetful(self: Any, offset: Offset, record: Envelope) -> None:
        self._claims.clear()
        accepted(self, offset, record)

    patch.setattr(leadership.Leadership, "_accepted", forgetful)


@plant("R8", seen_at=41)
def patience_is_always_the_same(patch: Patch) -> None:
    """However long the log takes, whoever appended doubts it after 2 s (R8). Found before it was planted."""
    patch.setattr(append_patience, "PATIENCE_MAX_S", append_patience.PATIENCE_S)
