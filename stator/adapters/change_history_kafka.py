"""The past of change streams, read from their change topics (`ports/change_history.py` says what is promised).

A cursor's point is a place in the source log, its hint the offset in the topic where to look for it. Sequence numbers and
timestamps rise along a partition of a topic, so both are found by halving.

Not to break: a stream is at its end here only if, in this order, its publisher has recorded that it ended, and no transaction
is open in its topic. The end is recorded in the transaction of the last messages, but the two need not show at the same time:
Kafka answers a commit before it has marked all partitions.
"""

from collections.abc import Callable
from typing import Self

from confluent_kafka import IsolationLevel, Message

from stator.adapters.change_topic_ends import TopicEnds
from stator.adapters.change_topic_readers import Place, TopicReader, TopicReaders, offset_of
from stator.adapters.log_kafka_settings import Settings
from stator.codec.change_topics import decode_record, decode_state, topic_name
from stator.model.changes import ChangePoint, Shard, ShardCursor
from stator.model.errors import LogError, StartupError
from stator.model.positions import LogId, Offset
from stator.ports.change_history import ChangePage, ChangesTrimmedError, HistoryUnavailableError
from stator.ports.clock import Clock
from stator.ports.log import Log
from stator.rules.change_records import ChangeRecord

_BEGINNING = ChangePoint(Offset(0))


class KafkaChangeHistory:
    """All change streams of one deployment. Make it with `connect`."""

    def __init__(
        self,
        log: Log,
        source_topic: Callable[[LogId], str],
        ends: TopicEnds,
        written: TopicEnds,
        readers: TopicReaders,
    ) -> None:
        self._log = log
        self._source_topic = source_topic
        self._ends = ends
        self._written = written
        self._readers = readers
        self._endings: dict[Place, ChangePoint] = {}

    @classmethod
    async def connect(
        cls,
        bootstrap: str,
        log: Log,
        clock: Clock,
        *,
        source_topic: Callable[[LogId], str],
        group: str = "stator.streams",
        timeout_s: float = 10.0,
        client: Settings | None = None,
    ) -> Self:
        """Find the brokers at `bootstrap`; see `KafkaChanges.connect`. `log` tells where sources end, `group` is the publishers'.

        Raises StartupError when no broker answers within `timeout_s`.
        """
        settings = {**(client or {}), "bootstrap.servers": bootstrap}
        ends = TopicEnds(settings, clock, IsolationLevel.READ_COMMITTED)
        written = TopicEnds(settings, clock, IsolationLevel.READ_UNCOMMITTED)
        try:
            await ends.reach(timeout_s)
        except HistoryUnavailableError as error:
            raise StartupError(f"Kafka is not reachable at {bootstrap} ({error})") from error
        return cls(log, source_topic, ends, written, TopicReaders({**settings, "group.id": group}))

    async def tip(self, shard: Shard) -> ShardCursor:
        """See `ChangeHistory.tip`. The source's end: what is behind it may already be in the topic, or not be there yet."""
        point = ChangePoint(await self._source_end(shard))
        offset, _ = await self._find(shard, lambda record: record.place.point >= point)
        return ShardCursor(point, str(offset))

    async def at(self, shard: Shard, point: ChangePoint) -> ShardCursor:
        """See `ChangeHistory.at`."""
        offset, before = await self._find(shard, lambda record: record.place.point >= point)
        if offset and before is None and not await self._begins_at(shard, offset, point):
            raise ChangesTrimmedError
        return ShardCursor(point, str(offset))

    async def since(self, shard: Shard, timestamp_us: int) -> ShardCursor:
        """See `ChangeHistory.since`."""
        offset, before = await self._find(shard, lambda record: record.timestamp_us >= timestamp_us)
        return ShardCursor(_BEGINNING if before is None else _behind(before), str(offset))

    async def page(self, shard: Shard, cursor: ShardCursor, *, records_max: int, bytes_max: int) -> ChangePage:
        """See `ChangeHistory.page`."""
        closed = await self._closed(shard)
        place = _place(shard)
        if not (cursor.hint.isascii() and cursor.hint.isdecimal()):
            cursor = await self.at(shard, cursor.point)
        start = int(cursor.hint)
        end = await self._ends.end(place)
        if end is None or start >= end:
            return ChangePage((), None if closed else cursor)

        def read(reader: TopicReader) -> ChangePage:
            return _read(reader, shard, cursor, end, closed=closed, records_max=records_max, bytes_max=bytes_max)

        return await self._readers.use(place, read, start=start)

    async def ending(self, shard: Shard) -> ChangePoint | None:
        """See `ChangeHistory.ending`: just behind the last change."""
        place = _place(shard)
        if place not in self._endings and await self._closed(shard):
            _, last = await self._find(shard, lambda _: False)
            self._endings[place] = _BEGINNING if last is None else _behind(last)
        return self._endings.get(place)

    async def close(self) -> None:
        """Leave the brokers."""
        await self._ends.close()
        await self._written.close()
        await self._readers.close()

    async def _find(self, shard: Shard, wanted: Callable[[ChangeRecord], bool]) -> tuple[int, ChangeRecord | None]:
        """The offset where the records begin that are `wanted`, and the last record before there."""
        place = _place(shard)
        if await self._ends.end(place) is None:
            return 0, None

        def find(reader: TopicReader) -> tuple[int, ChangeRecord | None]:
            offset, before = reader.find(place, lambda message: wanted(_record(shard, message)))
            return offset, None if before is None else _record(shard, before)

        return await self._readers.use(place, find)

    async def _begins_at(self, shard: Shard, offset: int, point: ChangePoint) -> bool:
        """Whether the record at an offset is the one just behind a point."""
        page = await self.page(shard, ShardCursor(point, str(offset)), records_max=1, bytes_max=1)
        return any(record.place.point == point for record in page.records)

    async def _closed(self, shard: Shard) -> bool:
        """Whether the topic holds everything of a stream that has ended, and all of it is to be seen."""
        if not shard.ended or not await self._published(shard):
            return False
        place = _place(shard)
        written = await self._written.end(place)
        end = await self._ends.end(place)
        return written is None or (end is not None and end >= written)

    async def _published(self, shard: Shard) -> bool:
        source = self._source_topic(shard.log_id), 0
        committed = await self._readers.use(source, lambda reader: reader.committed(source))
        if committed.offset < 0:
            return False
        _, stream, ended = decode_state(committed.metadata or "")
        in_force = "" if stream is None else stream.label
        # Labels are instants. Where the stream never was in force, only having passed the place tells.
        return (
            ended >= shard.stream.label
            or in_force > shard.stream.label
            or (in_force < shard.stream.label and committed.offset >= await self._source_end(shard))
        )

    async def _source_end(self, shard: Shard) -> Offset:
        try:
            return await self._log.end(shard.log_id)
        except LogError as error:
            raise HistoryUnavailableError(error.message) from error


def _read(
    reader: TopicReader,
    shard: Shard,
    cursor: ShardCursor,
    end: int,
    *,
    closed: bool,
    records_max: int,
    bytes_max: int,
) -> ChangePage:
    place, point, size = _place(shard), cursor.point, 0
    given: list[ChangeRecord] = []
    start = int(cursor.hint)
    while start < end:
        messages = reader.read(place, start)
        for number, message in enumerate(messages):
            record = _record(shard, message)
            if record.place.point < cursor.point:
                continue
            if given and (len(given) == records_max or size + record.size_bytes > bytes_max):
                reader.give_back(messages[number:])
                return ChangePage(given, ShardCursor(record.place.point, str(offset_of(message))))
            given.append(record)
            size += record.size_bytes
            point = _behind(record)
        start = reader.next_offset
    return ChangePage(given, None if closed else ShardCursor(point, str(start)))


def _place(shard: Shard) -> Place:
    return topic_name(shard.table.name, shard.stream.label), shard.partition


def _record(shard: Shard, message: Message) -> ChangeRecord:
    return decode_record(message.value() or b"", shard.stream.label)


def _behind(record: ChangeRecord) -> ChangePoint:
    return ChangePoint(record.place.offset, record.place.index + 1)
