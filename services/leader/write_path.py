"""From a request to its answer, while this process leads: read the item's newest state, decide, hand to the group commit,
and answer when everything the answer depends on or reveals is confirmed (R7).

A refused condition and a write that changes nothing are reads: they log nothing, so nothing fences them, and they follow the
strong-read rule (R10). On a log that only we can write (`exclusive`) a read needs neither lease nor barrier, just confirmed
state. A write that comes again is a read too: of what it did (R18).
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from stator.codec.catalog_entries import layout_of, revision_of
from stator.codec.log_records import BASE, DEFINE, encode_define, fingerprint
from stator.model.errors import (
    DamagedDataError,
    DomainError,
    LogError,
    OutcomeUnknownError,
    TransactionConflictError,
)
from stator.model.positions import Offset, Seq, TimestampUs
from stator.model.records import Effect, Kind
from stator.rules.change_records import TTL_ORIGIN
from stator.rules.commands import (
    Close,
    Closed,
    Command,
    Define,
    Defined,
    Expire,
    Get,
    GetMany,
    Got,
    Outcome,
    Outcomes,
    Query,
    WriteMany,
    comes_again,
    request_id_of,
)
from stator.rules.decide import decide
from stator.rules.repeats import first_answer
from stator.rules.request_tokens import transaction_request_id
from stator.rules.transaction_messages import (
    Decide,
    Decided,
    Finish,
    Forget,
    Forgotten,
    Looks,
    Prepare,
    Transact,
    Transacted,
    TransactRead,
)
from stator.runtime.lifecycle import Tasks
from stator.runtime.reads import images_of, read_page
from stator.runtime.replica import Replica

from .group_commit import RECORD_BYTES_MAX, GroupCommit
from .lease import Lease, Waiting
from .ledger import Ruled, forgotten, ruled
from .participant import Participant
from .repeats import Places, Repeats
from .transact import decide_transaction, look, repeated
from .unmaterialized import Unmaterialized

Writes = Command | WriteMany | Transact | Prepare | Finish | Decide | Forget | Define
Request = Writes | Get | GetMany | TransactRead | Query | Close


class WritePath:
    """Evaluates requests for one leadership (one epoch)."""

    def __init__(
        self,
        replica: Replica,
        group: GroupCommit,
        unmaterialized: Unmaterialized,
        repeats: Repeats,
        timestamp: Callable[[], TimestampUs],
        again: "Callable[[Request, asyncio.Future[Any]], None]",
        advance: Callable[[TimestampUs], None],
        now: Callable[[], float],
        tasks: Tasks,
        lease: Lease,
        *,
        exclusive: bool,
    ) -> None:
        """`again` takes a request that had to wait: to whoever leads by then. Timestamps behind `advance(it)` are greater than it.
        `now` is the process's clock.
        """
        self._replica = replica
        self._items = replica.items
        self._group = group
        self._unmaterialized = unmaterialized
        self._repeats = repeats
        self._again = again
        self._timestamp = timestamp
        self._tasks = tasks
        self._lease = lease
        self._exclusive = exclusive
        self.transactions = Participant(
            replica.position, group, unmaterialized, timestamp, advance, now, partial(self._log, [])
        )
        self._revision = revision_of(replica.position.definition)
        """Of the definition in force behind everything that was sent."""
        self._expiry = layout_of(replica.position.definition).expiry_attribute
        """What items expire by, under that definition; "" if they do not."""
        self._epoch = replica.position.lane().epoch
        self._defined_by = Seq(0)
        """The last record of this epoch that defined the table."""

    def evaluate(self, request: Request, future: "asyncio.Future[Any]") -> None:
        """Start on a request; `future` gets the answer or a DomainError."""
        match request:
            case Get():
                self._read(Waiting(request, future, partial(self._get, request.key)), [request.key], request.reached)
            case GetMany():
                self._read(
                    Waiting(request, future, partial(self._get_many, request.keys)), request.keys, request.reached
                )
            case TransactRead():
                self._read(Waiting(request, future, partial(self._look, request)), ())
            case Query():
                self._read(
                    Waiting(request, future, partial(self._query, request)), self._sought(request), request.reached
                )
            case Close():
                barrier = Waiting(request, future, self._closed)
                self.transactions.after_all(barrier, partial(self._group.special, Kind.BARRIER, 0, b""))
            case Define():
                self._define(Waiting(request, future, self._defined), request)
            case WriteMany():
                if places := self._repeats.to_recall(request.commands):
                    self._tasks.spawn("recall", self._recall(places, request, future))
                else:
                    self._write_many(request, future)
            case Transact():
                if places := self._repeats.to_recall([request]):
                    self._tasks.spawn("recall", self._recall(places, request, future))
                else:
                    self._transact(request, future)
            case Prepare():
                self.transactions.prepare(request, future, self._replica.position.item_bytes)
            case Finish():
                self.transactions.finish(request, future)
            case Decide():
                self._rule(ruled(request, self._unmaterialized, self._timestamp), request, future)
            case Forget():
                self._rule(forgotten(request, self._unmaterialized, self._timestamp), request, future)
            case _:
                if places := self._repeats.to_recall([request]):
                    self._tasks.spawn("recall", self._recall(places, request, future))
                else:
                    self._write(request, future)

    async def _recall(self, places: Places, request: Request, future: "asyncio.Future[Any]") -> None:
        try:
            await self._repeats.recall(places)
        except (LogError, DamagedDataError) as error:
            if not future.done():
                future.set_exception(OutcomeUnknownError(f"What the request did cannot be read: {error.message}"))
        else:
            if not future.done():
                self._again(request, future)
        finally:
            self._repeats.forget(places)

    def _write(self, command: Command, future: "asyncio.Future[Any]") -> None:
        effect, seq, answer = self._decide(command)
        if isinstance(answer, TransactionConflictError) and comes_again(command):
            answer = OutcomeUnknownError(
                "A transaction holds the item, and may let a message go first that was sent before"
            )
        waiting = Waiting(command, future, partial(self._answer, answer))
        self._log([] if effect is None else [effect], seq, waiting)

    def _write_many(self, request: WriteMany, future: "asyncio.Future[Any]") -> None:
        effects: list[Effect] = []
        outcomes: list[Outcome] = []
        newest: Seq | None = None
        left = RECORD_BYTES_MAX
        for command in request.commands:
            effect, seq, answer = self._decide(command)
            if isinstance(answer, TransactionConflictError):
                break
            assert isinstance(answer, Outcome), "without a condition nothing is refused"
            if effect is not None:
                left -= len(effect.old or b"") + len(effect.new or b"")
                if left < 0 and effects:
                    break
                effects.append(effect)
            newest = seq if newest is None or (seq is not None and seq > newest) else newest
            outcomes.append(answer)
        self._log(effects, newest, Waiting(request, future, partial(self._answer, Outcomes(outcomes))))

    def _transact(self, request: Transact, future: "asyncio.Future[Any]") -> None:
        first = self._repeats.first(request)
        if first is not None:
            seq, effect = first
            again = repeated(request, effect, self._unmaterialized, self._group.confirmed_seq)
            self._log([], seq, Waiting(request, future, partial(self._answer, again)))
            return
        held_bytes = self._replica.position.item_bytes
        request_id = transaction_request_id(request.token, request.request_hash) if request.token else ""
        effects, seq, answer = decide_transaction(
            request.actions, self._unmaterialized, self._timestamp, held_bytes, self.transactions.holds, request_id
        )
        self._log(effects, seq, Waiting(request, future, partial(self._answer, answer)))

    def _rule(self, ruling: Ruled, request: Decide | Forget, future: "asyncio.Future[Any]") -> None:
        self._log(ruling.effects, ruling.seq, Waiting(request, future, partial(_tell, ruling.answer)))

    def _decide(self, command: Command) -> tuple[Effect | None, Seq | None, Outcome | DomainError]:
        """What the command changes, the record not yet in the view on which that rests, and the answer."""
        repeated = self._first_answer(command)
        if repeated is not None:
            return None, *repeated
        seq, stored = self._unmaterialized.newest(command.key)
        if self.transactions.holds(command.key):
            return None, seq, Outcome() if isinstance(command, Expire) else TransactionConflictError()
        if isinstance(command, Expire) and command.attribute != self._expiry:
            return None, seq, Outcome()  # by a view that has not seen the latest definition yet
        old, version_us = (None, 0) if stored is None else (stored.image, stored.timestamp_us)
        new, changed, answer = decide(command, old, version_us)
        effect = None
        if changed or comes_again(command):
            origin = TTL_ORIGIN if isinstance(command, Expire) else ""
            effect = Effect(command.key, old, new, self._timestamp(), request_id_of(command), origin)
        if isinstance(answer, Outcome):
            answer = self._completed(answer, 0 if effect is None else effect.timestamp_us)
        return effect, seq, answer

    def _first_answer(self, command: Command) -> tuple[Seq | None, Outcome | DomainError] | None:
        """The answer to a command that has been decided before, and the record not yet in the view on which it rests."""
        first = self._repeats.first(command)
        if first is None:
            return None
        seq, effect = first
        answer = first_answer(command, effect)
        if isinstance(answer, Outcome):
            answer = self._completed(answer, effect.timestamp_us)
        return None if answer is None else (seq, answer)

    def _completed(self, answer: Outcome, timestamp_us: int) -> Outcome:
        held = self._replica.position.item_bytes
        return Outcome(answer.attributes, answer.bytes_written, timestamp_us, answer.index_units, held)

    def _log(self, effects: list[Effect], seq: Seq | None, waiting: Waiting) -> None:
        """Have the effects carried to the log; without any, answer when the record `seq`, which the answer shows, is confirmed."""
        if effects:
            carrier = self._group.add(effects, waiting)
            for effect in effects:
                self._unmaterialized.add(effect, carrier)
        else:
            self._show(seq, waiting)

    def _read(self, waiting: Waiting, keys: Sequence[bytes], reached: int = 0) -> None:
        """Answer from confirmed state, behind the transactions that may be changing these items. `reached`: see `_show`."""
        if not self.transactions.parks(waiting, keys):
            self._show(self.transactions.committing(keys), waiting, reached)

    def _show(self, seq: Seq | None, waiting: Waiting, reached: int = 0) -> None:
        """Answer from what is confirmed, once the record `seq` is (R10): on a log of our own or by a lease without asking the log,
        else behind a record sent from now on.

        `reached`: how far the client has seen the log (R20). A view may have shown it what is in the log and not confirmed yet.
        """
        if seq is not None and seq > self._group.confirmed_seq:
            if self._exclusive:
                self._group.follow(seq, waiting)
            else:
                self._group.join(waiting)
        elif self._exclusive or (self._lease.holds and reached <= self._reached()):
            if self._lease.ages and self._group.idle:
                self._group.open_batch()  # a Barrier that nobody waits for
            waiting.finish(waiting.future)
        else:
            self._group.join(waiting)

    def _sought(self, query: Query) -> Sequence[bytes]:
        """What of a query's items transactions are changing. The span of a local index does not tell: any item may come into it."""
        low, high = (query.low, query.high) if query.local is None else (b"", None)
        return list(self.transactions.changing(low, high))

    def _get(self, key: bytes, future: "asyncio.Future[Any]") -> None:
        stored = self._unmaterialized.confirmed(key, self._group.confirmed_seq)
        future.set_result(Got(None if stored is None else stored.image, self._reached()))

    def _get_many(self, keys: list[bytes], future: "asyncio.Future[Any]") -> None:
        confirmed = self._group.confirmed_seq
        find = partial(self._unmaterialized.confirmed, confirmed=confirmed)
        future.set_result(images_of(keys, find, self._reached()))

    def _look(self, request: TransactRead, future: "asyncio.Future[Any]") -> None:
        confirmed, held = self._group.confirmed_seq, self.transactions.unsettled
        self._answer(look(request, self._unmaterialized, confirmed, self._epoch, held), future)

    def _query(self, query: Query, future: "asyncio.Future[Any]") -> None:
        confirmed = self._reached()
        if self._replica.position.next_offset >= confirmed:
            read_page(self._items, query, future)
        else:
            self._tasks.spawn("query", self._query_later(query, confirmed, future))

    async def _query_later(self, query: Query, confirmed: Offset, future: "asyncio.Future[Any]") -> None:
        try:
            await self._replica.reached(confirmed)
        except DomainError as error:
            if not future.done():
                future.set_exception(error)
        else:
            read_page(self._items, query, future)

    def _define(self, waiting: Waiting, wanted: Define) -> None:
        """Definitions come late, twice, and from processes that know of no later one: only a greater revision is appended (R17)."""
        revision = revision_of(wanted.definition)
        if revision > self._revision:
            if wanted.base is not None and not self._replica.position.base:
                self._group.special(Kind.BASE, fingerprint(BASE), wanted.base, None)
            payload = encode_define(wanted.definition)
            self._defined_by = self._group.special(Kind.DEFINE, fingerprint(DEFINE), payload, waiting)
            self._revision = revision
            self._expiry = layout_of(wanted.definition).expiry_attribute
        elif self._defined_by > self._group.confirmed_seq:
            self._group.follow(self._defined_by, waiting)
        else:
            self._lease.answer([waiting])

    def _defined(self, future: "asyncio.Future[Any]") -> None:
        future.set_result(Defined(self._replica.position.base_offset))

    def _closed(self, future: "asyncio.Future[Any]") -> None:
        offset = self._group.confirmed_offset
        self._tasks.spawn("close", self._closed_later(Offset(offset + 1), future))

    async def _closed_later(self, offset: Offset, future: "asyncio.Future[Any]") -> None:
        try:
            await self._replica.reached(offset)
        except DamagedDataError as error:
            if not future.done():
                future.set_exception(error)
            return
        if not future.done():
            # Both from one position: by now the view may be further than the barrier, and so may its closed timestamp.
            position = self._replica.position
            future.set_result(Closed(offset=position.next_offset, timestamp_us=position.closed_us))

    def _answer(
        self, answer: Outcome | Outcomes | Transacted | Looks | DomainError, future: "asyncio.Future[Any]"
    ) -> None:
        if isinstance(answer, DomainError):
            future.set_exception(answer)
        else:
            answer.reached = self._reached()
            future.set_result(answer)

    def _reached(self) -> Offset:
        """What is confirmed lies below, and so does whatever an answer of this moment shows."""
        return Offset(self._group.confirmed_offset + 1)


def _tell(ruling: Decided | Forgotten | DomainError, future: "asyncio.Future[Any]") -> None:
    if isinstance(ruling, DomainError):
        future.set_exception(ruling)
    else:
        future.set_result(ruling)
