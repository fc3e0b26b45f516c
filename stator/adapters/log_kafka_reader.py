"""Reads from Kafka: one consumer and its thread serve many readers, each of one log from an offset of its own.

No consumer group is used: partitions are assigned by hand and positions belong to views (R3). The loop never touches
the consumer. It says what it wants of a reader (`Wanted`) and the thread makes it so, between two polls; that keeps a
pause and a resume that cancel out from reaching the consumer, where a pause throws prefetched messages away.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from enum import Enum
from threading import Thread

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from stator.adapters.log_kafka_settings import CONNECTION, CONSUMER, Settings
from stator.model.errors import LogError
from stator.model.positions import Offset
from stator.model.records import LogMessage

_POLL_S = 0.02
"""How long an order from the loop may wait for an idle thread. A message ends the wait at once."""
_BURST_MAX = 500
_TOPICS_MAX = 300
"""librdkafka searches its topics one by one; beyond some hundreds, another consumer is cheaper."""
_UNREAD_BYTES_MAX = 8 * 1024 * 1024
"""What a reader may hold unread before its log is paused."""


class Wanted(Enum):
    """What the loop wants of a reader's log."""

    FLOWING = "flowing"
    PAUSED = "paused"
    CLOSED = "closed"


class KafkaReader:
    """One log from one offset on. Lives on the loop."""

    def __init__(self, topic: str, start: Offset, fetcher: "KafkaFetcher", loop: asyncio.AbstractEventLoop) -> None:
        self.topic = topic
        self.next_offset = start
        self.wanted = Wanted.FLOWING
        self.heard = False
        """Whether anything came since somebody last set this to False."""
        self._fetcher = fetcher
        self._loop = loop
        self._messages: list[LogMessage] = []
        self._unread_bytes = 0
        self._failure: LogError | None = None
        self._arrival: asyncio.Future[None] | None = None

    async def read(self) -> Sequence[LogMessage]:
        """See `LogReader.read`."""
        while not self._messages:
            if self._failure is not None:
                raise self._failure
            self._arrival = self._loop.create_future()
            await self._arrival
        messages = self._piece()
        if self.wanted is Wanted.PAUSED and self._unread_bytes <= _UNREAD_BYTES_MAX:
            self._want(Wanted.FLOWING)
        return messages

    def _piece(self) -> Sequence[LogMessage]:
        """What has come, up to the message that passes the bound: compressed, a burst may hold far more."""
        size = 0
        for count, message in enumerate(self._messages, start=1):
            size += len(message.data)
            if size > _UNREAD_BYTES_MAX:
                piece, self._messages = self._messages[:count], self._messages[count:]
                break
        else:
            piece, self._messages = self._messages, []
        self._unread_bytes -= size
        return piece

    def close(self) -> None:
        """See `LogReader.close`. A read that waits fails."""
        if self.wanted is not Wanted.CLOSED:
            self._want(Wanted.CLOSED)
            self.fail(LogError(f"the reader of {self.topic} is closed"))

    def take(self, messages: Sequence[LogMessage]) -> None:
        """Messages have come, in order. Those that were seen before are dropped; a gap means that the log lost some."""
        self.heard = True
        for message in messages:
            if message.offset == self.next_offset:
                self._messages.append(message)
                self._unread_bytes += len(message.data)
                self.next_offset = Offset(message.offset + 1)
            elif message.offset > self.next_offset:
                self.fail(LogError(f"{self.topic} continues at {message.offset}, not at {self.next_offset}"))
                break
        if self._unread_bytes > _UNREAD_BYTES_MAX and self.wanted is Wanted.FLOWING:
            self._want(Wanted.PAUSED)
        self._wake()

    def fail(self, failure: LogError) -> None:
        """Nothing more will come: `read` raises once what did come has been read."""
        self._failure = self._failure or failure
        self._wake()

    def _want(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._fetcher.reconcile(self)

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)


class KafkaFetcher:
    """One consumer and its thread."""

    def __init__(self, client: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._consumer = Consumer({**CONNECTION, **CONSUMER, **client})
        self._open: dict[str, KafkaReader] = {}
        self._changed: deque[KafkaReader] = deque()
        self._closing = False
        self._assigned: dict[str, KafkaReader] = {}
        self._paused: set[str] = set()
        self._thread = Thread(target=self._serve, name="kafka-fetcher", daemon=True)
        self._thread.start()

    def takes(self, topic: str) -> bool:
        """A consumer has one position per topic, so a second reader of the same log needs another consumer."""
        return not self._closing and topic not in self._open and len(self._open) < _TOPICS_MAX

    def read(self, topic: str, start: Offset) -> KafkaReader:
        """Open a reader of a topic that this fetcher `takes`."""
        reader = KafkaReader(topic, start, self, self._loop)
        self._open[topic] = reader
        self.reconcile(reader)
        return reader

    def silent(self) -> Sequence[KafkaReader]:
        """The readers that heard nothing since this was last asked."""
        silent = [reader for reader in self._open.values() if not reader.heard]
        for reader in self._open.values():
            reader.heard = False
        return silent

    def reconcile(self, reader: KafkaReader) -> None:
        """Have the thread make true what is wanted of a reader."""
        if reader.wanted is Wanted.CLOSED:
            self._open.pop(reader.topic, None)
        self._changed.append(reader)

    async def close(self) -> None:
        """Close all readers and stop the thread."""
        for reader in list(self._open.values()):
            reader.close()
        self._closing = True
        await self._loop.run_in_executor(None, self._thread.join)

    # --- on the thread ------------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._closing:
                while self._changed:
                    self._make_so(self._changed.popleft())
                first = self._consumer.poll(_POLL_S)
                if first is not None:
                    self._hand_over([first, *self._consumer.consume(_BURST_MAX, 0)])
        except KafkaException as fault:
            self._loop.call_soon_threadsafe(self._break_down, LogError(f"the consumer cannot go on: {fault}"))
        self._consumer.close()

    def _make_so(self, reader: KafkaReader) -> None:
        topic, wanted = reader.topic, reader.wanted
        assigned = self._assigned.get(topic) is reader
        if wanted is Wanted.CLOSED:
            if assigned:
                self._consumer.incremental_unassign([TopicPartition(topic, 0)])
                self._paused.discard(topic)
                del self._assigned[topic]
        elif not assigned:
            self._consumer.incremental_assign([TopicPartition(topic, 0, reader.next_offset)])
            self._assigned[topic] = reader
        elif wanted is Wanted.PAUSED and topic not in self._paused:
            self._consumer.pause([TopicPartition(topic, 0)])
            self._paused.add(topic)
        elif wanted is Wanted.FLOWING and topic in self._paused:
            self._consumer.resume([TopicPartition(topic, 0)])
            self._paused.discard(topic)

    def _hand_over(self, burst: Sequence[Message]) -> None:
        arrived: dict[KafkaReader, list[LogMessage]] = {}
        failed: list[tuple[KafkaReader, LogError]] = []
        for message in burst:
            reader = self._assigned.get(message.topic() or "")
            if reader is None:  # news of a broker, or the last of a log that was closed meanwhile
                continue
            error = message.error()
            if error is not None:
                failed.append((reader, LogError(f"{reader.topic} cannot be read: {error.str()}")))
            else:
                arrived.setdefault(reader, []).append(_log_message(message))
        if arrived or failed:
            self._loop.call_soon_threadsafe(self._distribute, arrived, failed)

    # --- on the loop --------------------------------------------------------------------------------------

    def _break_down(self, failure: LogError) -> None:
        """Readers opened later go to another fetcher."""
        self._closing = True
        for reader in self._open.values():
            reader.fail(failure)

    @staticmethod
    def _distribute(
        arrived: dict[KafkaReader, list[LogMessage]], failed: Sequence[tuple[KafkaReader, LogError]]
    ) -> None:
        for reader, messages in arrived.items():
            reader.take(messages)
        for reader, failure in failed:
            reader.fail(failure)


def _log_message(message: Message) -> LogMessage:
    """Messages of a partition have an offset. One without a value was not written by us: its reader will say so."""
    offset = message.offset()
    assert offset is not None
    return LogMessage(Offset(offset), message.value() or b"")
