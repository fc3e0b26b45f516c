"""Turns one source log into index rows: every accepted record, for every index, into the lane of every index partition.

The caller claims, then feeds the source's messages in order, from `next_offset` on. Not to break: a lane's record for
source offset n is appended only after everything below n has been appended to that lane, and a lane skips what it had
before it was claimed. Then being stopped anywhere and starting again from the lanes gives the same rows.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from stator.codec.log_records import decode_base, decode_changes, decode_envelope
from stator.model.errors import DamagedDataError, LogError
from stator.model.key_order import token
from stator.model.positions import LogId, Offset, TimestampUs
from stator.model.records import Envelope, IndexRow, Kind, LogMessage, SourcePosition
from stator.model.tables import Index, KeySchema, Table, partition_for
from stator.ports.clock import Clock
from stator.rules.acceptance import accept
from stator.rules.index_changes import index_changes, index_row

from .base_items import BaseItems
from .lane import BATCH_BYTES_MAX, Lane, State

UNCONFIRMED_BYTES_MAX = 8 * 1024 * 1024
"""What may be appended and not confirmed; beyond that, the source waits."""
PROGRESS_RECORDS = 1000
PROGRESS_S = 1.0
"""A lane without rows says how far it is after so many source records, or so long (protocol R15): a reader who carries a position
waits for that, as a view cannot tell an index that is behind from one to which nothing happened (decision 0020)."""
TICK_S = 0.25

OpenLane = Callable[[LogId, Callable[[], None]], Lane]
"""Makes the lane in an index log; the second argument is its `changed`."""


@dataclass(frozen=True, slots=True)
class _Route:
    """An index, and the lane for each of its partitions."""

    index: Index
    lanes: dict[LogId, Lane]

    def lane(self, row_key: bytes) -> Lane:
        return self.lanes[partition_for(self.index.partitions, token(row_key)).log_id]


class Propagator:
    """One hold on all lanes of a source. Any failure ends it: a new one starts where this one got."""

    def __init__(self, table: Table, source: LogId, open_lane: OpenLane, base_items: BaseItems, clock: Clock) -> None:
        self.position = SourcePosition()
        """What has been fed. Valid from `claim` on."""
        self._source = source
        self._key: KeySchema = table.key
        self._base_items = base_items
        self._clock = clock
        self._timestamp_us = TimestampUs(0)
        self._moved = asyncio.Event()
        self._routes = [
            _Route(index, {part.log_id: open_lane(part.log_id, self._changed) for part in index.partitions})
            for index in table.indexes
        ]
        self._lanes = [lane for route in self._routes for lane in route.lanes.values()]

    @property
    def next_offset(self) -> Offset:
        """Which message of the source is to be fed next."""
        return Offset(self.position.offset + 1)

    @property
    def confirmed_offset(self) -> Offset:
        """Everything of the source up to and including this is in all lanes for good."""
        return min(lane.confirmed.offset for lane in self._lanes)

    async def claim(self) -> None:
        """Take all lanes over; then `position` is where the one that is furthest behind stands.

        The index logs should have been read to their ends. Raises NotLeaderError, LogError, DamagedDataError.
        """
        for lane in self._lanes:
            lane.claim()
        await self._until(lambda: all(lane.state is State.WRITING for lane in self._lanes))
        self.position = min((lane.confirmed for lane in self._lanes), key=lambda position: position.offset)

    async def guard(self) -> None:
        """Keep time for the lanes, and raise when one has failed. Runs beside `claim` and `feed` until cancelled."""
        while True:
            await self._clock.sleep(TICK_S)
            now = self._clock.monotonic()
            for lane in self._lanes:
                lane.tick()
                behind = lane.state is State.WRITING and lane.written.offset < self.position.offset
                if behind and now - lane.written_at >= PROGRESS_S:
                    lane.progress(self.position, self._timestamp_us)

    async def failed(self) -> None:
        """Raise as soon as a lane has failed."""
        await self._until(lambda: False)

    def close(self) -> None:
        """Let go of all lanes."""
        for lane in self._lanes:
            lane.close()

    # --- feeding ---------------------------------------------------------------------------------------------

    async def feed(self, messages: Sequence[LogMessage]) -> None:
        """Append what the next messages of the source mean; waits while too much is unconfirmed.

        Messages that were fed before are passed over. Raises LogError when one is missing: read again from
        `next_offset`. Raises DamagedDataError when the source does not check.
        """
        for message in messages:
            if message.offset < self.next_offset:
                continue
            if message.offset > self.next_offset:
                raise LogError(f"log {self._source} went on at {message.offset}, {self.next_offset} is next")
            await self._feed_one(message)
            await self._until(lambda: sum(lane.unconfirmed_bytes for lane in self._lanes) <= UNCONFIRMED_BYTES_MAX)

    async def _feed_one(self, message: LogMessage) -> None:
        record = decode_envelope(message.data)
        if record.log_id != self._source:
            raise DamagedDataError(f"log {self._source} holds a record of log {record.log_id} at {message.offset}")
        lane = accept(self.position.lane, record)
        if lane is None:
            position = SourcePosition(message.offset, self.position.lane)
        else:
            position = SourcePosition(message.offset, lane)
            self._timestamp_us = max(self._timestamp_us, record.timestamp_us)
            await self._propagate(record, position)
        self.position = position
        for behind in self._lanes:
            if position.offset - behind.written.offset >= PROGRESS_RECORDS:
                behind.progress(position, self._timestamp_us)

    async def _propagate(self, record: Envelope, position: SourcePosition) -> None:
        match record.kind:
            case Kind.EFFECT | Kind.COMMIT:
                if self._waiting_for(position):
                    self._put(record, position)
                    await self._clock.sleep(0)  # a burst of large records must not keep the loop to itself
            case Kind.BASE:
                if self._waiting_for(position):
                    await self._backfill(record, position)
            case Kind.DEFINE:
                # A table's first record: from here on every lane has a position, also one that never gets a row.
                self._progress(position)
            case _:
                pass

    def _put(self, record: Envelope, position: SourcePosition) -> None:
        rows: dict[Lane, list[IndexRow]] = {}
        for effect in decode_changes(record):
            for route in self._routes:
                for row in index_changes(effect, route.index, self._key):
                    rows.setdefault(route.lane(row.key), []).append(row)
        for lane in self._waiting_for(position):
            if lane in rows:
                *early, final = _pieces(rows[lane])
                for piece in early:
                    lane.put(piece, position, record.timestamp_us, last=False)
                lane.put(final, position, record.timestamp_us, last=True)

    async def _backfill(self, record: Envelope, position: SourcePosition) -> None:
        async for items in self._base_items(decode_base(record)):
            rows: dict[Lane, list[IndexRow]] = {}
            for key, timestamp_us, image in items:
                for route in self._routes:
                    row = index_row(key, image, route.index, self._key)
                    if row is not None:
                        rows.setdefault(route.lane(row[0]), []).append(IndexRow(*row, timestamp_us))
            for lane in self._waiting_for(position):
                for piece in _pieces(rows.get(lane, ())):
                    lane.put(piece, position, record.timestamp_us, last=False)
            await self._until(lambda: sum(lane.unconfirmed_bytes for lane in self._lanes) <= UNCONFIRMED_BYTES_MAX)
        self._progress(position)

    def _progress(self, position: SourcePosition) -> None:
        for lane in self._waiting_for(position):
            lane.progress(position, self._timestamp_us)

    def _waiting_for(self, position: SourcePosition) -> list[Lane]:
        return [lane for lane in self._lanes if lane.written.offset < position.offset]

    # --- waiting ---------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        # Wake everybody who waits now; whoever waits later gets the next event.
        self._moved.set()
        self._moved = asyncio.Event()

    async def _until(self, reached: Callable[[], bool]) -> None:
        """Return when `reached()`. Raises the first failure of a lane."""
        while True:
            for lane in self._lanes:
                if lane.failure is not None:
                    raise lane.failure
            if reached():
                return
            await self._moved.wait()


def _pieces(rows: Iterable[IndexRow]) -> Iterator[list[IndexRow]]:
    """Rows in order, cut so that a record stays small; nothing for no rows."""
    piece: list[IndexRow] = []
    piece_bytes = 0
    for row in rows:
        row_bytes = len(row.key) + len(row.image or b"")
        if piece and piece_bytes + row_bytes > BATCH_BYTES_MAX:
            yield piece
            piece, piece_bytes = [], 0
        piece.append(row)
        piece_bytes += row_bytes
    if piece:
        yield piece
