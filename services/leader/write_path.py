"""From a request to its answer, while this process leads: read the item's newest state, decide, hand to the group commit,
and answer when everything the answer depends on or reveals is confirmed (R7).

A refused condition and a write that changes nothing are reads: they log nothing, so nothing fences them, and they follow the
strong-read rule (R10). On a log that only we can write (`exclusive`) a read needs no barrier, just confirmed state.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from stator.codec.catalog_entries import revision_of
from stator.codec.log_records import BASE, DEFINE, encode_define, fingerprint
from stator.model.errors import DamagedDataError, DomainError
from stator.model.positions import Offset, Seq, TimestampUs
from stator.model.records import Effect, Kind
from stator.ports.view import StoredItem
from stator.rules.commands import Close, Closed, Command, Define, Defined, Get, Got, Outcome, Query
from stator.rules.decide import decide
from stator.runtime.lifecycle import Tasks
from stator.runtime.reads import query_page
from stator.runtime.replica import Replica

from .group_commit import GroupCommit, Waiting
from .unmaterialized import Unmaterialized

Request = Command | Get | Query | Close | Define


class WritePath:
    """Evaluates requests for one leadership (one epoch)."""

    def __init__(
        self,
        replica: Replica,
        group: GroupCommit,
        unmaterialized: Unmaterialized,
        timestamp: Callable[[], TimestampUs],
        tasks: Tasks,
        *,
        exclusive: bool,
    ) -> None:
        self._replica = replica
        self._view = replica.view
        self._group = group
        self._unmaterialized = unmaterialized
        self._timestamp = timestamp
        self._tasks = tasks
        self._exclusive = exclusive
        self._revision = revision_of(replica.position.definition)
        """Of the definition in force behind everything that was sent."""
        self._defined_by = Seq(0)
        """The last record of this epoch that defined the table."""

    def evaluate(self, request: Request, future: "asyncio.Future[Any]") -> None:
        """Start on a request; `future` gets the answer or a DomainError."""
        match request:
            case Get():
                self._read(Waiting(request, future, partial(self._get, request.key)))
            case Query():
                self._read(Waiting(request, future, partial(self._query, request)))
            case Close():
                barrier = Waiting(request, future, self._closed)
                self._group.special(Kind.BARRIER, 0, b"", barrier)
            case Define():
                self._define(Waiting(request, future, self._defined), request)
            case _:
                self._write(request, future)

    def _write(self, command: Command, future: "asyncio.Future[Any]") -> None:
        seq, stored = self._unmaterialized.newest(command.key)
        old, version_us = (None, 0) if stored is None else (stored.image, stored.timestamp_us)
        new, changed, answer = decide(command, old, version_us)
        if changed:
            timestamp_us = self._timestamp()
            assert isinstance(answer, Outcome)
            outcome = Outcome(answer.attributes, answer.bytes_written, timestamp_us)
            waiting = Waiting(command, future, partial(_answer, outcome))
            carrier = self._group.add(Effect(command.key, old, new, timestamp_us), waiting)
            state = None if new is None else StoredItem(timestamp_us, new)
            self._unmaterialized.add(command.key, carrier, state)
            return
        waiting = Waiting(command, future, partial(_answer, answer))
        if not self._exclusive:
            self._group.join(waiting)
        elif seq is not None and seq > self._group.confirmed_seq:
            self._group.follow(seq, waiting)
        else:
            waiting.finish(future)

    def _read(self, waiting: Waiting) -> None:
        if self._exclusive:
            waiting.finish(waiting.future)
        else:
            self._group.join(waiting)

    def _get(self, key: bytes, future: "asyncio.Future[Any]") -> None:
        stored = self._unmaterialized.confirmed(key, self._group.confirmed_seq)
        future.set_result(Got(None if stored is None else stored.image))

    def _query(self, query: Query, future: "asyncio.Future[Any]") -> None:
        confirmed = Offset(self._group.confirmed_offset + 1)
        if self._replica.position.next_offset >= confirmed:
            _run(partial(query_page, self._view, query), future)
        else:
            self._tasks.spawn("query", self._query_later(query, confirmed, future))

    async def _query_later(self, query: Query, confirmed: Offset, future: "asyncio.Future[Any]") -> None:
        try:
            await self._replica.reached(confirmed)
        except DomainError as error:
            if not future.done():
                future.set_exception(error)
            return
        if not future.done():
            _run(partial(query_page, self._view, query), future)

    def _define(self, waiting: Waiting, wanted: Define) -> None:
        """Definitions may come late, twice, and from processes that know of no later one: only a greater revision is appended."""
        revision = revision_of(wanted.definition)
        if revision > self._revision:
            if wanted.base is not None and not self._replica.position.base:
                self._group.special(Kind.BASE, fingerprint(BASE), wanted.base, None)
            payload = encode_define(wanted.definition)
            self._defined_by = self._group.special(Kind.DEFINE, fingerprint(DEFINE), payload, waiting)
            self._revision = revision
        elif self._defined_by > self._group.confirmed_seq:
            self._group.follow(self._defined_by, waiting)
        else:
            waiting.finish(waiting.future)

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


def _answer(answer: Outcome | DomainError, future: "asyncio.Future[Any]") -> None:
    if isinstance(answer, DomainError):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _run(work: Callable[[], msgspec.Struct], future: "asyncio.Future[Any]") -> None:
    try:
        future.set_result(work())
    except DomainError as error:
        future.set_exception(error)
