"""Publishes the changes of one log: read, make records, append them with the progress they stand for.

Batches make themselves: while one append is under way the reader gathers what arrives, and the next append takes all of
it. Not to break: a log message is never split over two appends, for progress is counted in whole messages; and nothing
is appended for a stream whose progress was lost, for that would publish its changes twice.
"""

import asyncio
from collections.abc import Sequence

import structlog

from stator.codec.change_topics import encode_change, topic_name
from stator.model.changes import ChangeMessage
from stator.model.errors import DamagedDataError, LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.model.tables import Stream, Table
from stator.ports.changes import ChangeAppender, Changes, ChangesError, ChangesFencedError
from stator.ports.clock import Clock
from stator.ports.identity import IdSource
from stator.ports.log import Log
from stator.rules.reports import Place

from .source import Source

_log = structlog.get_logger()

RECORDS_PER_APPEND = 500
"""A transaction is cut at the log message that reaches this many: some hundred milliseconds of a broker's time."""

QUIET_MESSAGES_MAX = 1000
"""After this many log messages without a change, progress is recorded anyhow: it holds the log's trim point back."""

RENEW_S = 600.0
"""How often progress is recorded on an idle log. Kafka forgets offsets that nobody has committed for 7 days."""

RETRY_S = (0.2, 1.0)
FENCED_S = (3.0, 6.0)
"""Pauses before opening anew. A fenced publisher lets the other one work for longer than failure detectors disagree."""


class Follower:
    """The publisher of the changes of one partition of a table. `run` it as a task; cancelling it is safe at any time."""

    def __init__(self, log: Log, changes: Changes, clock: Clock, ids: IdSource, table: Table, partition: int) -> None:
        self.log_id: LogId = table.partitions[partition].log_id
        self.halted: DamagedDataError | None = None
        self._run: _Run | None = None
        self._log = log
        self._changes = changes
        self._clock = clock
        self._ids = ids
        self._table = table
        self._partition = partition

    @property
    def place(self) -> Place:
        """How far this process has published the log; at its start until it has found out."""
        published = Offset(0) if self._run is None else self._run.published
        problem = "" if self.halted is None else self.halted.message
        return Place(log_id=self.log_id, duty="publishes", next_offset=published, problem=problem)

    async def run(self) -> None:
        """Publish until cancelled or halted by a log that does not check."""
        while True:
            pause = RETRY_S
            try:
                await self._publish()
            except ChangesFencedError as error:
                _log.warning("stream_fenced", log_id=self.log_id, reason=str(error))
                pause = FENCED_S
            except (ChangesError, LogError) as error:
                _log.warning("stream_interrupted", log_id=self.log_id, reason=str(error))
            except DamagedDataError as error:
                self.halted = error
                _log.error("stream_halted", log_id=self.log_id, reason=error.message)
                return
            await self._clock.sleep(self._ids.jitter(*pause))

    async def _publish(self) -> None:
        appender = await self._changes.open(self.log_id)
        _log.info("stream_opened", log_id=self.log_id, progress=appender.progress and appender.progress.next_offset)
        try:
            self._run = _Run(self._log, self._changes, appender, self._table, self._partition)
            await self._run.follow()
        finally:
            await appender.close()


class _Run:
    """What one appender publishes."""

    def __init__(self, log: Log, changes: Changes, appender: ChangeAppender, table: Table, partition: int) -> None:
        self._log = log
        self._log_id = table.partitions[partition].log_id
        self._changes = changes
        self._appender = appender
        self._partition = partition
        self._source = Source(self._log_id, table, appender.progress)
        self._recorded = self._source.next_offset
        self._gathered: list[ChangeMessage] = []

    @property
    def published(self) -> Offset:
        """Nothing of the log below this is still to be published."""
        return self._recorded if self._gathered else self._source.next_offset

    async def follow(self) -> None:
        reader = self._log.read(self._log_id, self._source.next_offset)
        try:
            while True:
                try:
                    async with asyncio.timeout(RENEW_S):
                        arrived = await reader.read()
                except TimeoutError:
                    await self._append()
                else:
                    await self._take(arrived)
        finally:
            reader.close()

    async def _take(self, arrived: Sequence[LogMessage]) -> None:
        for message in arrived:
            before = self._source.table.stream
            try:
                records = self._source.take(message)
            except DamagedDataError:
                await self._append()
                raise
            table = self._source.table
            if table.stream != before:
                await self._enter(table, table.stream)
            self._gathered.extend(encode_change(record, self._partition) for record in records)
            if len(self._gathered) >= RECORDS_PER_APPEND:
                await self._append()
        if self._gathered or self._source.next_offset - self._recorded >= QUIET_MESSAGES_MAX:
            await self._append()

    async def _append(self) -> None:
        progress = self._source.progress
        await self._appender.append(self._gathered, progress)
        self._recorded = progress.next_offset
        self._gathered = []

    async def _enter(self, table: Table, stream: Stream | None) -> None:
        """A Define has named another stream, or none. That is recorded before the stream's first message: whoever finds
        messages in a topic and no progress that names its stream then knows that the progress was lost. And a reader of the
        stream that ends here can tell that it has everything.
        """
        if stream is not None:
            topic = topic_name(table.name, stream.label)
            await self._changes.create(topic, len(table.partitions))
            if not await self._changes.untouched(topic, self._partition):
                self._source.drop_stream()
                _log.error("stream_progress_lost", log_id=self._log_id, topic=topic, remedy="switch it off and on")
        await self._append()
