"""Follows one log and keeps one view of it: the loop that leaders, materializers and catalog readers share.

Each burst of messages goes through acceptance (R1, R2), becomes changes, and is applied together with the new position in one
transaction, so that being killed anywhere and starting again gives the same view.

A view that turns out to be wrong (a stamp says something else, bytes do not check) is served no more, thrown away, and made anew
from the log. What is found wrong again on the way is the log's own damage, and halts the replica: a view must not go on from a
log it does not understand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec.structs import replace

from stator.codec.catalog_entries import layout_of, name_of
from stator.codec.log_records import (
    decode_base,
    decode_changes,
    decode_define,
    decode_envelope,
    decode_index_batch,
    decode_progress,
)
from stator.codec.open_prepares import closed_us, prepares_after
from stator.model.errors import DamagedDataError, DivergedError, LogError
from stator.model.positions import OWN_LANE, Epoch, LaneState, LogId, LogPosition, Offset
from stator.model.records import Base, Effect, Envelope, Kind, LogMessage, source_reached
from stator.ports.log import LogSource
from stator.ports.view import ItemReader, ViewWriter
from stator.rules.acceptance import accept
from stator.rules.local_rows import NO_ROWS
from stator.rules.request_tokens import Token, tokens_of
from stator.runtime.gathered_changes import GatheredChanges
from stator.runtime.guarded_view import GuardedView
from stator.runtime.marks import Marks

_log = structlog.get_logger()

REOPEN_S = 1.0
"""Before a reader that failed is opened again."""

InstallBase = Callable[[Base, ViewWriter, LogPosition], Awaitable[None]]
"""Fill a view from a snapshot object and leave it at the given position (whose totals it completes). Waits for an archive
that is away."""

Accepted = Callable[[Offset, Envelope], None]
"""Told of each accepted record, after the view holds it."""

Contradicted = Callable[[Envelope, str], None]
"""Told of a stamp that contradicts the view: its record, and how. May raise."""

Arrived = Callable[[LogPosition], bool]
"""Whether a view at this position is as far as somebody waits for it to be."""

KnownEffects = Callable[[Envelope], list[Effect] | None]
"""A leader knows the effects of its own records and need not decode them again."""


class Replica:
    """One log, one view, one loop. `run` it as a task; everything else is synchronous and cheap."""

    def __init__(
        self, log: LogSource, log_id: LogId, view: ViewWriter, install_base: InstallBase, *, remembers: bool = False
    ) -> None:
        """`remembers`: the view is to know repeated requests, for a process that may lead the log."""
        self.log_id = log_id
        self.view = view
        self.items: ItemReader = GuardedView(view, self.distrust)
        """The view for those who answer requests from it."""
        self.observers: list[Accepted] = []
        self.on_damage: list[Callable[[DamagedDataError], None]] = []
        """Told when the log or the view does not check: from now on nothing may be read from the view, until it is `trusted`."""
        self.known_effects: KnownEffects | None = None
        self.distrust_reason: DamagedDataError | None = None
        """Why the view is being made anew; None while it is not."""
        self.damaged: DamagedDataError | None = None
        """What makes that impossible: the replica has halted."""
        self.rebuilds = 0
        """How often the view was begun anew."""
        self.records_ignored = 0
        self._log = log
        self._install_base = install_base
        self._remembers = remembers
        self._waiters: dict[asyncio.Future[None], Arrived] = {}
        self._deriving: asyncio.Future[None] | None = None
        self._following: asyncio.Timeout | None = None
        self._discarded = False
        """Whether a view that is not trusted has been begun anew."""
        self._fresh_until = Offset(0)
        """Where the log ended when the view was begun anew: from there on it is served again."""
        self._told_until = Offset(0)
        self._disputed_epoch = Epoch(0)

    @property
    def trusted(self) -> bool:
        """Whether the view may be read: nothing is known to be wrong with it."""
        return self.distrust_reason is None

    @property
    def position(self) -> LogPosition:
        """How far the view has come."""
        return self.view.position

    async def run(self) -> None:
        """Follow the log until cancelled, or damaged for good."""
        try:
            while self.damaged is None:
                await self._follow_trusting()
                if self.damaged is None:
                    await self._begin_anew()
        finally:
            if self._deriving is not None:
                self._deriving.cancel()

    async def _follow_trusting(self) -> None:
        """Follow the log as long as the view is trusted."""
        try:
            async with asyncio.timeout(None) as self._following:  # `distrust` lets the time be up
                await self._follow()
        except TimeoutError:
            pass
        except DamagedDataError as error:
            self._following = None
            self.distrust(error)
        finally:
            self._following = None

    async def _follow(self) -> None:
        while True:
            try:
                await self._read_on()
            except (LogError, OSError) as error:
                # Brokers away, a full disk, or a log whose table is being deleted: whoever deletes it also ends this task.
                _log.warning("replica_interrupted", log_id=self.log_id, reason=str(error))
                await _pause(REOPEN_S)

    async def _read_on(self) -> None:
        if self.view.position.next_offset == 0:
            self.view.install((), LogPosition())  # what an interrupted installation of a base may have left
        if self.view.position.definition and self._deriving is None:
            self._derive_meanwhile()
        reader = self._log.read(self.log_id, self.view.position.next_offset)
        try:
            while True:
                await self.fold(await reader.read())
        finally:
            reader.close()

    def distrust(self, error: DamagedDataError) -> None:
        """The view, or the log, does not check: read nothing more from the view, and make it anew. Whoever finds out may say so."""
        if self.damaged is not None or not (self.trusted or self._discarded):
            return
        if self.trusted:
            event = "replica_diverged" if isinstance(error, DivergedError) else "replica_damaged"
            _log.error(event, **self._place(), reason=error.message)
            self.distrust_reason, self._discarded = error, False
        else:
            _log.error("replica_halted", **self._place(), reason=error.message)
            self.damaged = error
            self._release(DamagedDataError(error.message))
        if self._following is not None:
            self._following.reschedule(asyncio.get_running_loop().time())
        for tell in self.on_damage:
            tell(error)

    async def _begin_anew(self) -> None:
        if self._deriving is not None:
            self._deriving.cancel()
            self._deriving = None
        while True:
            try:
                self._fresh_until = await self._log.end(self.log_id)
                self.view.discard()
            except (LogError, OSError) as error:
                _log.warning("rebuild_put_off", log_id=self.log_id, reason=str(error))
                await _pause(REOPEN_S)
            else:
                self._discarded = True
                self.rebuilds += 1
                self._settle()
                return

    def _settle(self) -> None:
        """Trust a view that was made anew once it has all that the log held when it was begun."""
        reached = self.view.position.next_offset
        if self._discarded and not self.trusted and reached >= self._fresh_until:
            self.distrust_reason = None
            _log.info("replica_rebuilt", **self._place(), next_offset=reached)

    def _place(self) -> dict[str, object]:
        return {"log_id": self.log_id, "table": name_of(self.view.position.definition)}

    async def reached(self, next_offset: Offset) -> None:
        """Return once the view has folded everything below `next_offset`. Raises DamagedDataError when it never will."""
        await self.arrived(lambda position: position.next_offset >= next_offset)

    async def arrived(self, arrived: Arrived) -> None:
        """Return once the view is so far, as `reached` does."""
        if self.damaged is not None:
            raise self.damaged
        if self.trusted and arrived(self.view.position):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = arrived
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)  # also of one who waits no longer: a view may be stuck for ever

    async def fold(self, messages: Sequence[LogMessage]) -> None:
        """Apply a burst of messages that continue where the view stands."""
        if self._deriving is not None and self._deriving.done():
            self._deriving.result()  # what no rule foresees ends the task that follows the log: somebody watches that one
        plain: list[tuple[Offset, Envelope]] = []
        for message in messages:
            record = decode_envelope(message.data)
            if record.kind not in {Kind.BASE, Kind.DEFINE}:
                plain.append((message.offset, record))
                continue
            self._fold_plain(plain)
            plain = []
            if record.kind is Kind.BASE:
                await self._fold_base(message.offset, record)
            else:
                await self._fold_define(message.offset, record)
        self._fold_plain(plain)

    def _fold_plain(self, records: list[tuple[Offset, Envelope]]) -> None:
        if not records:
            return
        step = _Step(self.log_id, self.view, self._contradicted, remembers=self._remembers)
        told = [(offset, record) for offset, record in records if step.take(offset, record, self.known_effects)]
        self.records_ignored += len(records) - len(told)
        step.apply(self.view)
        self._tell(told)

    async def _fold_define(self, offset: Offset, record: Envelope) -> None:
        """The log's first definition brings the local indexes: nobody reads before they are there, and what a base put under them
        is gone through first. Of a later one only the order of expiry can be new, and the log goes on meanwhile.
        """
        step = _Step(self.log_id, self.view, self._contradicted, remembers=self._remembers)
        if not step.take(offset, record, None):
            self.records_ignored += 1
            step.apply(self.view)
            self._tell(())
            return
        first = not self.view.position.definition
        self.view.lay_out(layout_of(step.position.definition))
        if first:
            for _ in self.view.derive():
                await _pause(0)
        else:
            self._derive_meanwhile()
        step.apply(self.view)
        self._tell([(offset, record)])

    def _derive_meanwhile(self) -> None:
        if self._deriving is not None:
            self._deriving.cancel()
        self._deriving = None if self.view.derived else asyncio.ensure_future(self._derive())

    async def _derive(self) -> None:
        while not self.view.derived:
            try:
                for _ in self.view.derive():
                    await _pause(0)
            except OSError as error:
                _log.warning("rows_put_off", log_id=self.log_id, reason=str(error))
                await _pause(REOPEN_S)
            except DamagedDataError as error:
                self.distrust(error)
                return

    async def _fold_base(self, offset: Offset, record: Envelope) -> None:
        position = self.view.position
        lane = accept(position.lane(record.lane), record)
        after = replace(position, next_offset=Offset(offset + 1))
        if lane is None:
            self.records_ignored += 1
            self.view.apply([], after)
            self._tell(())
            return
        if self.view.layout != NO_ROWS:
            raise DamagedDataError(
                f"log {self.log_id}: the base at {offset} lies behind a definition that orders items"
            )
        base = decode_base(record)
        timestamp_us = max(position.timestamp_us, record.timestamp_us)
        after = replace(
            after,
            lanes={**position.lanes, record.lane: lane},
            timestamp_us=timestamp_us,
            closed_us=timestamp_us,
            base=base.snapshot_object,
            base_offset=offset,
        )
        await self._install_base(base, self.view, after)
        if self.view.position.digest != base.digest:
            raise DamagedDataError(f"log {self.log_id}: base {base.snapshot_object} does not have the digest announced")
        self._tell([(offset, record)])

    def _contradicted(self, record: Envelope, how: str) -> None:
        """A stamp says something else. A view that is just being made from nothing but the log does not give way to it: then it is
        the leader of that epoch who was wrong, and so may be all its other stamps.
        """
        if record.epoch == self._disputed_epoch:
            return
        if self.trusted or not self._discarded:
            raise DivergedError(f"log {self.log_id}: {how}")
        self._disputed_epoch = record.epoch
        _log.error("stamp_disputed", **self._place(), epoch=record.epoch, reason=how)

    def _tell(self, told: Sequence[tuple[Offset, Envelope]]) -> None:
        reached = self.view.position.next_offset
        for observe in self.observers:
            for offset, record in told:
                if offset >= self._told_until:  # a view that was made anew has gone past it before
                    observe(offset, record)
        self._told_until = max(self._told_until, reached)
        self._settle()
        if self._waiters and self.trusted:
            position = self.view.position
            for waiter, arrived in self._waiters.items():
                if not waiter.done() and arrived(position):
                    waiter.set_result(None)

    def _release(self, error: DamagedDataError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)


async def _pause(seconds: float) -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await asyncio.wait([never], timeout=seconds)


class _Step:
    """A burst on its way into a view, and the position it leads to in parts that are cheap to change."""

    def __init__(self, log_id: LogId, view: ViewWriter, contradicted: Contradicted, *, remembers: bool) -> None:
        start = view.position
        self._log_id = log_id
        self._contradicted = contradicted
        self._start = start
        self._changes = GatheredChanges(view)
        self._remembers = remembers
        self._tokens: list[Token] = []
        self._next_offset = start.next_offset
        self._lanes = dict(start.lanes)
        self._timestamp_us = start.timestamp_us
        self._definition = start.definition
        self._prepares = start.prepares
        self._marks = Marks(start.marks)

    def take(self, offset: Offset, record: Envelope, known_effects: KnownEffects | None) -> bool:
        """Add one record if it counts; whether it did."""
        if offset != self._next_offset:
            raise DamagedDataError(f"log {self._log_id}: message {offset} came where {self._next_offset} was due")
        if record.log_id != self._log_id:
            raise DamagedDataError(f"log {self._log_id} holds a record of log {record.log_id} at {offset}")
        if OWN_LANE in self._lanes:  # nobody leads an index's log, so nobody stamps it
            self._marks.pass_by(offset, self._changes)
        self._next_offset = Offset(offset + 1)
        lane = accept(self._lanes.get(record.lane, LaneState()), record)
        if lane is None:
            return False
        match record.kind:
            case Kind.EFFECT | Kind.COMMIT:
                known = known_effects(record) if known_effects is not None else None
                effects = decode_changes(record) if known is None else known
                for effect in effects:
                    self._changes.add_effect(effect)
                if self._remembers:
                    self._tokens.extend(tokens_of(effects, offset))
            case Kind.INDEX:
                batch = decode_index_batch(record)
                for row in batch.rows:
                    self._changes.add(row.key, row.image, row.timestamp_us)
                if batch.last:
                    lane = source_reached(lane, batch.source)
            case Kind.PROGRESS:
                lane = source_reached(lane, decode_progress(record))
            case Kind.DEFINE:
                self._definition = decode_define(record)
            case Kind.BARRIER:
                how = self._marks.compare(offset, record)
                if how:
                    self._contradicted(record, how)
            case _:
                pass
        self._lanes[record.lane] = lane
        self._timestamp_us = max(self._timestamp_us, record.timestamp_us)
        self._prepares = prepares_after(self._prepares, record)
        return True

    @property
    def position(self) -> LogPosition:
        """Where the view stands once it has the changes."""
        position = replace(
            self._start,
            next_offset=self._next_offset,
            lanes=self._lanes,
            timestamp_us=self._timestamp_us,
            closed_us=closed_us(self._timestamp_us, self._prepares),
            definition=self._definition,
            prepares=self._prepares,
            marks=self._marks.taken,
        )
        return self._changes.total(position)

    def apply(self, view: ViewWriter) -> None:
        """Give the view the changes and the position, in one transaction."""
        self._changes.flush(view, self.position, self._tokens)
