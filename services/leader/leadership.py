"""Who leads this partition: claiming it, noticing that somebody else did, and finding out what became of doubtful appends.

    FOLLOWING --claim()--> CLAIMING --own Claim accepted--> LEADING
        ^                     |  ^                             |
        |                     |  +------ append in doubt (R8) -+
        +---- another writer's Claim accepted (fenced) --------+
        |                                                      | release(), hand_over() (R11)
        +---- its Claim accepted ---- RELEASED <-- DRAINING <--+

What is handed over and claimed by nobody is CLAIMING again, as in doubt.

The log decides: a process leads from where its own Claim is accepted until it reads another one. While claiming, and while handing
a partition on, requests wait; after the Claim every record of an older epoch is either in the view or can never be accepted, so
whatever was not answered is simply decided again.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Any

import structlog

from stator.codec.log_records import (
    CLAIM,
    decode_claim,
    encode_claim,
    encode_envelope,
    fingerprint,
)
from stator.model.errors import (
    DamagedDataError,
    DomainError,
    LogError,
    NotLeaderError,
    OutcomeUnknownError,
    ServiceUnavailableError,
)
from stator.model.positions import OWN_LANE, Epoch, LogId, Offset, Seq, TimestampUs, WriterId
from stator.model.records import Effect, Envelope, Kind, Preparation
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.append_patience import Patience
from stator.rules.commands import Close, Define, Defined
from stator.runtime.lifecycle import Tasks
from stator.runtime.replica import Replica

from .append_meter import AppendMeter
from .group_commit import GroupCommit
from .lease import Lease, Waiting
from .repeats import Repeats
from .stamping import Stamping
from .unmaterialized import Unmaterialized
from .write_path import Request, WritePath

_log = structlog.get_logger()

LOOK_S = 1.0
"""How often a leader looks whether a record has stayed unconfirmed for longer than its patience, and has to be asked after by a
Claim.
"""

HOLD_S = 10.0
"""How long a leader that claims its own partition again (R8) tells the others that it leads. Until then they leave it alone, so
that a slow broker does not send leadership back and forth; after that it may be the one process that does not reach the log.
"""

WAITING_MAX = 10_000
"""Requests that may wait while the partition is being claimed or handed on; more are told to come back."""

DRAIN_S = 0.5
"""How long a leader that hands a partition on waits for what it has taken, once it is ready."""

QUICK_S = 0.4
"""How long an append may take in a log that is handed over: two more of them, a Release and a Claim, have to be through while
requests are kept.
"""

SUCCESSION_S = 1.0
"""How long it then keeps requests for its successor's Claim, before it sends them to look for themselves."""


class State(Enum):
    """Where a partition stands with this process."""

    FOLLOWING = "following"
    CLAIMING = "claiming"
    LEADING = "leading"
    DRAINING = "draining"
    """It takes nothing more, and has what it took confirmed and answered."""
    RELEASED = "released"
    """Whoever claims next need not wait. This process does nothing more in its epoch."""


class Leadership:
    """One partition in one leader process: a warm view always, and the right to write while it lasts."""

    def __init__(
        self,
        node: str,
        replica: Replica,
        log: Log,
        clock: Clock,
        ids: IdSource,
        tasks: Tasks,
        *,
        claim_on_use: bool,
        by_lease: bool,
        meter: AppendMeter,
        on_release: Callable[[LogId, Epoch], None],
    ) -> None:
        """`on_release` is told that another process has released the partition, and of which epoch."""
        self.replica = replica
        self.state = State.FOLLOWING
        self.epoch = Epoch(0)
        self.leader_hint: str | None = None
        self.other_claimed_at = -inf
        """When another process's Claim was last read, by this process's clock."""
        self.other_wrote_at = -inf
        """When another leader's record was last read: what one process knows of it although it does not hear it."""
        self.leading_since = inf
        """When this process last began to lead, or came out of doubt."""
        self._node = node
        self._log_id: LogId = replica.log_id
        self._log = log
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._claim_on_use = claim_on_use
        self._meter = meter
        self._on_release = on_release
        self._writer = WriterId(0)
        self._candidate = WriterId(
            0
        )  # not the writer before its Claim is accepted: records of the epoch before may still come
        self._last_timestamp_us = TimestampUs(0)
        self._epoch_tried = Epoch(0)
        self._claims: dict[WriterId, Epoch] = {}
        """Our own Claims that may yet be accepted."""
        self._patience = Patience()
        self._waiting: list[tuple[Request, asyncio.Future[Any]]] = []
        self._unmaterialized = Unmaterialized(replica.items)
        self._lease = Lease(
            clock.monotonic,
            by_lease=by_lease and not log.exclusive,
            unclaimed=replica.position.lane().epoch == 0,
        )
        self._claimed_at = 0.0
        self._group: GroupCommit | None = None
        self._path: WritePath | None = None
        self._stamping: Stamping | None = None
        self._ended: asyncio.Future[bool] | None = None
        self._claiming: asyncio.Task[None] | None = None
        self._watching = False
        self._doubted_at = 0.0
        replica.observers.append(self._accepted)
        replica.on_damage.append(self._damaged)
        replica.known_effects = self._known_effects

    # --- requests --------------------------------------------------------------------------------------------

    def submit(self, request: Request) -> "asyncio.Future[Any]":
        """Take a request; the future ends with its answer, or NotLeaderError when nothing of it took effect here."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._submit(request, future)
        return future

    def _submit(self, request: Request, future: "asyncio.Future[Any]") -> None:
        if self._path is not None and self.state is State.LEADING:
            try:
                self._path.evaluate(request, future)
            except NotLeaderError as error:  # what it rests on does not check: the view is about to be made anew
                _fail(future, error)
            self._watch()
        elif self.state is not State.FOLLOWING or self._claim_on_use:
            if len(self._waiting) >= WAITING_MAX:
                future.set_exception(ServiceUnavailableError("The partition is being taken over; try again"))
                return
            self._waiting.append((request, future))
            self.claim()
        else:
            future.set_exception(NotLeaderError(self.leader_hint))

    async def lead(self, request: Define) -> Defined:
        """Claim the log if this process does not lead it, and define it.

        Returns once that is in the log; installing a large Base takes the views longer, and calling again appends nothing.
        """
        if self.state is not State.LEADING:
            await self.claim()
        if self.state is not State.LEADING:
            raise NotLeaderError(self.leader_hint)
        defined: Defined = await self.submit(request)
        return defined

    def orphans(self, patience_s: float) -> list[Preparation]:
        """Transactions that have waited here so long for their end that their coordinators may be gone."""
        leads = self._path is not None and self.state is State.LEADING
        return self._path.transactions.orphans(patience_s) if leads and self._path is not None else []

    # --- claiming --------------------------------------------------------------------------------------------

    @property
    def holds(self) -> bool:
        """Whether the others should take this process for the leader: it leads, waits for its successor's Claim, or is about to
        find out what its appends became.
        """
        in_doubt = self.state is State.CLAIMING and self._group is not None
        return self.state in {State.LEADING, State.DRAINING, State.RELEASED} or (
            in_doubt and self._clock.monotonic() - self._doubted_at < HOLD_S
        )

    def claim(self) -> "asyncio.Future[bool]":
        """Start to claim unless that is under way; the future ends True when leading, False when somebody else won."""
        if self._ended is None or self._ended.done():
            if self.state is State.LEADING:
                done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                done.set_result(True)
                return done
            self._start_claiming()
        assert self._ended is not None
        return self._ended

    def _start_claiming(self) -> None:
        self.state = State.CLAIMING
        self._ended = asyncio.get_running_loop().create_future()
        self._claiming = self._tasks.spawn(f"claim-{self._log_id}", self._claim(self._ended))

    async def _claim(self, ended: "asyncio.Future[bool]") -> None:
        self._candidate = WriterId(0)
        while not ended.done():
            try:
                await self._catch_up()
            except DamagedDataError as error:
                self._damaged(error)
                return
            lane = self.replica.position.lane()
            self._epoch_tried = Epoch(max(lane.epoch, self._epoch_tried) + 1)
            self._candidate = WriterId(self._ids.bits64())
            raw = encode_envelope(
                Kind.CLAIM,
                self._log_id,
                OWN_LANE,
                self._epoch_tried,
                self._candidate,
                Seq(0),
                lane.chain,
                self._timestamp(),
                fingerprint(CLAIM),
                encode_claim(self._node),
            )
            self._claims[self._candidate] = self._epoch_tried
            self._claimed_at = self._clock.monotonic()
            self._log.append(self._log_id, raw, lambda _offset, _error: None)
            read, _ = await asyncio.wait([ended], timeout=self._patience.seconds + self._ids.jitter(0.05, 0.5))
            if not read:
                self._patience.ran_out()

    async def _catch_up(self) -> None:
        while True:
            try:
                await self.replica.reached(await self._log.end(self._log_id))
            except LogError as error:
                _log.warning("log_end_unknown", log_id=self._log_id, reason=error.message)
                await self._clock.sleep(self._ids.jitter(0.05, 0.5))
            else:
                return

    def _timestamp(self) -> TimestampUs:
        floor = max(self._last_timestamp_us, self.replica.position.timestamp_us)
        self._last_timestamp_us = TimestampUs(max(floor + 1, self._clock.now_us()))
        return self._last_timestamp_us

    def _advance(self, timestamp_us: TimestampUs) -> None:
        self._last_timestamp_us = max(self._last_timestamp_us, timestamp_us)

    # --- what the log says -----------------------------------------------------------------------------------

    def _known_effects(self, record: Envelope) -> list[Effect] | None:
        if self._group is None or record.writer != self._writer:
            return None
        return self._group.effects_of(record.seq)

    def _accepted(self, offset: Offset, record: Envelope) -> None:
        if record.kind is Kind.CLAIM:
            ours = record.writer in self._claims
            self._claims = {writer: epoch for writer, epoch in self._claims.items() if epoch > record.epoch}
            if record.writer == self._candidate:
                self._won(offset, record)
            elif ours:
                self._outbid()
                return
            else:
                self._lost(record)
        elif self._group is not None and record.writer == self._writer and record.epoch == self.epoch:
            self._group.accepted(record.seq, offset)
            self._unmaterialized.materialized(record.seq)
            if self._stamping is not None:
                self._stamping.look()
        else:
            self.other_wrote_at = self._clock.monotonic()
        self._lease.passed(record.kind, ours=record.writer == self._writer)
        if record.kind is Kind.RELEASE and self.replica.position.next_offset == offset + 1:
            self._on_release(self._log_id, record.epoch)

    def _won(self, offset: Offset, record: Envelope) -> None:
        undecided = self._end_epoch()
        self._patience.took(self._clock.monotonic() - self._claimed_at)
        self.state = State.LEADING
        self.epoch = record.epoch
        self._writer = record.writer
        self.leader_hint = self._node
        self.leading_since = self._clock.monotonic()
        self._lease.begin(self._claimed_at)
        group = GroupCommit(
            self._log,
            self._log_id,
            self.replica.position.lane(),
            offset,
            self._timestamp,
            self._doubt,
            self._meter,
            self._lease,
            self._patience,
        )
        self._group = group
        self._stamping = Stamping(self.replica.view, group)
        self._path = WritePath(
            self.replica,
            group,
            self._unmaterialized,
            Repeats(self._log, self._log_id, self.replica.items, self._unmaterialized, self._timestamp),
            self._timestamp,
            self._submit,
            self._advance,
            self._clock.monotonic,
            self._tasks,
            self._lease,
            exclusive=self._log.exclusive,
        )
        _log.info("leading", log_id=self._log_id, epoch=record.epoch, offset=offset)
        waiting, self._waiting = self._waiting, []
        for request, future in [*((entry.request, entry.future) for entry in undecided), *waiting]:
            if not future.done():
                self._submit(request, future)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(True)

    def _outbid(self) -> None:
        """A Claim of ours is accepted, and we sent a later one, or gave up. Nobody leads by it: who waits goes on waiting."""
        self.leader_hint = None
        self._lease.outbid()

    def _lost(self, record: Envelope) -> None:
        if self.state is State.CLAIMING and self._group is None and self._candidate == 0:
            return  # history, read on the way to the end of the log: we have not claimed yet
        undecided = self._end_epoch()
        if self.state not in {State.FOLLOWING, State.RELEASED}:
            _log.info("fenced", log_id=self._log_id, epoch=record.epoch, by=decode_claim(record))
        self.state = State.FOLLOWING
        self.leader_hint = decode_claim(record)
        self.other_claimed_at = self.other_wrote_at = self._clock.monotonic()
        waiting, self._waiting = self._waiting, []
        for future in [*(entry.future for entry in undecided), *(future for _, future in waiting)]:
            _fail(future, NotLeaderError(self.leader_hint))
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(False)

    def _end_epoch(self) -> list[Waiting]:
        # Everything of the older epoch that the log accepted has been confirmed by `accepted` before this Claim was read;
        # what is left can never be accepted.
        undecided = [] if self._group is None else self._group.close()
        if self._path is not None:
            undecided += self._path.transactions.close()
        self._group = self._path = self._stamping = None
        self._lease.end()
        self._unmaterialized.clear()
        return undecided

    # --- doubt -----------------------------------------------------------------------------------------------

    def _doubt(self) -> None:
        """An append's outcome is unknown: stop deciding and let the next accepted Claim tell (R8)."""
        if self.state is State.LEADING and self._group is not None:
            _log.warning("append_in_doubt", log_id=self._log_id, epoch=self.epoch)
            self._claim_again(self._group)

    def _claim_again(self, group: GroupCommit) -> None:
        group.hold()
        self._doubted_at = self._clock.monotonic()
        self._start_claiming()

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(LOOK_S, self._check_patience)

    def _check_patience(self) -> None:
        self._watching = False
        if self._group is None or self.state is not State.LEADING or self._group.idle:
            return
        sent_at = self._group.oldest_sent_at()
        if sent_at is not None and asyncio.get_running_loop().time() - sent_at >= self._patience.seconds:
            self._patience.ran_out()
            self._doubt()
        else:
            self._watch()

    def _damaged(self, error: DamagedDataError) -> None:
        # Reports alone would go on confirming what our own reader could no longer check.
        if self.replica.damaged is None:  # the view comes back; meanwhile somebody else may lead
            self.resign(NotLeaderError(None))
        else:
            self.resign(OutcomeUnknownError(f"This partition's log or view is damaged: {error.message}"))

    # --- ending ----------------------------------------------------------------------------------------------

    async def release(self) -> None:
        """Hand the partition on (R11), because this process stops. If nobody claims it in time, resign."""
        if await self._hand_on() is not None:
            self.resign(NotLeaderError(None))

    async def hand_over(self) -> bool:
        """Hand the partition on (R11) to a process that waits for it, and claim it again if nobody has in time. Whoever asks for
        something meanwhile waits, and is told nothing but who leads then. False if that is this process again, or still: where
        appends take long nothing is handed on, for that would take long as well.
        """
        if not await self._log_is_quick():
            return False
        group = await self._hand_on()
        if group is not None:
            self._claim_again(group)
        return self.state is State.FOLLOWING

    async def _log_is_quick(self) -> bool:
        append = self.submit(Close(self._log_id))
        await asyncio.wait([append], timeout=QUICK_S)
        return not append.cancel() and append.exception() is None

    async def _hand_on(self) -> GroupCommit | None:
        """Have what was taken confirmed and answered, then say in the log that nobody need wait for this process's lease. Requests
        that come meanwhile are kept until somebody has claimed. If that takes too long: what this process wrote through, and has
        to do something about.
        """
        if self.state is not State.LEADING or self._group is None:
            return None
        group = self._group
        self.state = State.DRAINING
        self._stamping = None
        ended = self._ended = asyncio.get_running_loop().create_future()
        if not group.idle or self._lease.ready_in_s > 0:
            # Answered last of all: when it is confirmed, and this leader ready.
            drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            group.join(Waiting(None, drained, lambda done: done.set_result(None)))
            patience_s = DRAIN_S + max(0.0, self._lease.ready_in_s)
            await asyncio.wait([drained, ended], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            if not drained.cancel():
                drained.exception()  # nobody else asks how it ended
        if self.state is State.DRAINING and group.idle and self._lease.ready_in_s <= 0:
            self.state = State.RELEASED
            self._lease.end()
            group.special(Kind.RELEASE, 0, b"", None)
            _log.info("released", log_id=self._log_id, epoch=self.epoch)
            await asyncio.wait([ended], timeout=SUCCESSION_S)
        return group if self.state in {State.DRAINING, State.RELEASED} and not ended.done() else None

    def resign(self, error: DomainError) -> None:
        """Stop at once, also claiming. Everybody who waits gets `error`, but for those whose records are on their way into the
        log: nobody is left to find out what becomes of them.
        """
        doubtful = [] if self._group is None else self._group.sent()
        unknown = OutcomeUnknownError("The partition's leader stopped while the request was under way")
        for entry in doubtful:
            _fail(entry.future, unknown)
        self._lease.abandon(unknown)
        waiting, self._waiting = self._waiting, []
        for future in [*(entry.future for entry in self._end_epoch()), *(future for _, future in waiting)]:
            _fail(future, error)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(False)
        if self._claiming is not None:
            self._claiming.cancel()
        self._candidate = WriterId(0)  # a Claim that is on its way must not make a leader of who gave up
        self.state = State.FOLLOWING


def _fail(future: "asyncio.Future[Any]", error: DomainError) -> None:
    if not future.done():
        future.set_exception(error)
