"""What a leader may say, and when: answers wait for the leases of those who led before (R7), reads go by its own (R9, R10).

One for each partition, from epoch to epoch. An answer whose record is confirmed is made at once, waits here until `ready`, and
leaves then even if somebody else leads by now: the record counts, and the leases that it was kept from are over.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, NamedTuple

from stator.model.errors import DomainError
from stator.model.records import Kind
from stator.rules.lease import LEASE_S, Before, lease_until, outbid, passed, ready_at

GRAIN_S = 0.001
"""Between two looks whether the wait is over: the loop counts by another clock, which may come to the end a little earlier."""


class Waiting(NamedTuple):
    """A request whose answer depends on a record: `finish` answers `future` once that is confirmed."""

    request: Any
    future: "asyncio.Future[Any]"
    finish: "Callable[[asyncio.Future[Any]], None]"


class Lease:
    """`now` is the process's own clock, which counts on in suspend. Not `by_lease`: this deployment reads by barriers, no clock is
    asked for anything, and whatever is confirmed may be told.
    """

    def __init__(self, now: Callable[[], float], *, by_lease: bool, unclaimed: bool) -> None:
        self._now = now
        self._by_lease = by_lease
        self._before = Before.NOBODY if unclaimed else Before.OTHERS
        self._ready_at = -inf
        self._until = -inf
        self._held: list[tuple[asyncio.Future[Any], asyncio.Future[Any]]] = []
        """Answers, and whom they are for."""
        self._timer: asyncio.TimerHandle | None = None

    def passed(self, kind: Kind, *, ours: bool) -> None:
        """Another record of the log was accepted; see `rules/lease.passed`."""
        self._before = passed(self._before, kind, ours=ours)

    def outbid(self) -> None:
        """An older Claim of ours than the one we wait for was accepted; see `rules/lease.outbid`."""
        self._before = outbid(self._before)

    def begin(self, claimed_at: float) -> None:
        """Our Claim, handed to the log at `claimed_at`, is accepted; what was before it has `passed`, and it has not yet."""
        if self._by_lease:
            self._ready_at = ready_at(self._before, self._now(), self._ready_at)
            self.renew(claimed_at)

    def renew(self, sent_at: float) -> None:
        """A record of ours that was handed to the log at `sent_at`, no later, is confirmed."""
        if self._by_lease:
            self._until = max(self._until, lease_until(sent_at))

    def end(self) -> None:
        """We lead no more, or do not know whether we do."""
        self._until = -inf

    @property
    def ready_in_s(self) -> float:
        """How long answers still wait; not positive when they do not."""
        return self._ready_at - self._now() if self._by_lease else 0.0

    @property
    def holds(self) -> bool:
        """Whether what is confirmed here is all that anybody was told, at this moment: a read that has come may then be answered
        from it at once. What it reads after looking here is at least as new.
        """
        return self._by_lease and self._ready_at <= self._now() < self._until

    @property
    def ages(self) -> bool:
        """Whether so much of it is over that the next read should have it renewed, before one has to wait for that."""
        return self._by_lease and self._until - self._now() < LEASE_S / 2

    # --- answers ---------------------------------------------------------------------------------------------

    def answer(self, waiting: Sequence[Waiting]) -> None:
        """Give the answers, whose records are confirmed, as soon as that is allowed."""
        if self.ready_in_s <= 0:
            self._hand_out()
            for _, future, finish in waiting:
                _finish(future, finish)
            return
        for _, future, finish in waiting:
            answer: asyncio.Future[Any] = future.get_loop().create_future()
            _finish(answer, finish)
            self._held.append((answer, future))
        self._wait()

    def abandon(self, error: DomainError) -> None:
        """Whoever still waits gets `error`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        for answer, future in held:
            if not answer.cancel():
                answer.exception()  # told to nobody
            if not future.done():
                future.set_exception(error)

    def _wait(self) -> None:
        if self._held and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(max(GRAIN_S, self.ready_in_s), self._look)

    def _look(self) -> None:
        self._timer = None
        if self.ready_in_s > 0:
            self._wait()
        else:
            self._hand_out()

    def _hand_out(self) -> None:
        held, self._held = self._held, []
        for answer, future in held:
            if answer.done():
                _hand_on(future, answer)
            else:
                answer.add_done_callback(partial(_hand_on, future))


def _finish(future: "asyncio.Future[Any]", finish: "Callable[[asyncio.Future[Any]], None]") -> None:
    if not future.done():
        try:
            finish(future)
        except Exception as error:  # noqa: BLE001 - a bug in one answer must not cost the others theirs
            future.set_exception(error)


def _hand_on(future: "asyncio.Future[Any]", answer: "asyncio.Future[Any]") -> None:
    error = answer.exception()
    if future.done():
        return
    if error is None:
        future.set_result(answer.result())
    else:
        future.set_exception(error)
