"""Consumers that read change topics from any place on, kept where they stopped: whoever reads on finds the next messages there.

Calls block, so they run in threads. A consumer serves one place at a time; the one that was left alone the longest is sent
elsewhere when another place is asked for.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stator.adapters.log_kafka_settings import CONNECTION, CONSUMER, Settings
from stator.ports.change_history import ChangesTrimmedError, HistoryUnavailableError

Place = tuple[str, int]
"""A topic and one of its partitions."""

CONSUMERS_MAX = 8
"""A consumer costs a thread and a connection for each broker."""

_FETCH: Settings = {
    "fetch.wait.max.ms": 50,  # it has one partition, and every request may be for another: the idle fetch that is out comes first
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 2048,  # two pages: what is read ahead is lost when another place is asked for
}
_BURST = 500
_POLL_S = 0.05
_POLLS_MAX = 100
"""Polls in a row that bring nothing before the brokers count as not answering: five seconds."""
_CALL_TIMEOUT_S = 5.0

_GONE = frozenset({KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET})  # noqa: SLF001 that is how librdkafka names its own errors
_END = KafkaError._PARTITION_EOF  # noqa: SLF001 likewise
Result = TypeVar("Result")


class TopicReader:
    """One consumer. It stands before the message at `next_offset` of `place`."""

    def __init__(self, client: Settings) -> None:
        self.place: Place | None = None
        self.next_offset = -1
        self._consumer = Consumer({**CONNECTION, **CONSUMER, **client, **_FETCH})
        self._held: list[Message] = []
        self._fetched_to = -1

    def read(self, place: Place, start: int, *, anew: bool = False) -> Sequence[Message]:
        """Messages from `start` on, as many as have come. None when there are none before the end, which one is told but once:
        so ask only where more is known to be, or `anew`. Raises ChangesTrimmedError.
        """
        if anew or self.place != place or self.next_offset != start:
            self._go_to(place, start)
        found, self._held = self._held, []
        if not found:
            self.place = None  # until this has gone well
            found = self._fetch(place)
            self.place = place
        self.next_offset = self._fetched_to
        return found

    def _fetch(self, place: Place) -> list[Message]:
        """What the consumer hands out next, which is taken whole: behind the news of an end there may be messages again."""
        found: list[Message] = []
        for _ in range(_POLLS_MAX):
            first = self._consumer.poll(_POLL_S)
            ended = False
            for message in () if first is None else (first, *self._consumer.consume(_BURST, 0)):
                error = message.error()
                if error is None:
                    found.append(message)
                    self._fetched_to = offset_of(message) + 1
                elif error.code() == _END:
                    ended = True
                    self._fetched_to = offset_of(message)
                elif error.code() in _GONE:
                    raise ChangesTrimmedError
            if found or ended:
                return found
        raise HistoryUnavailableError(f"no broker gives messages of {place[0]}")

    def give_back(self, messages: Sequence[Message]) -> None:
        """The last of the messages that were just read, unused: the next read begins with them."""
        self._held = [*messages]
        self.next_offset = offset_of(messages[0])

    def find(self, place: Place, wanted: Callable[[Message], bool]) -> tuple[int, Message | None]:
        """Where the messages begin that are `wanted`, which all are from some place on, and the last message before there."""
        start, end = self._consumer.get_watermark_offsets(TopicPartition(*place), _CALL_TIMEOUT_S)
        last: Message | None = None
        probe = start
        while start < end:
            message = next(iter(self.read(place, probe, anew=True)), None)
            if message is None or wanted(message):
                end = probe
            else:
                last, start = message, offset_of(message) + 1
            probe = (start + end) // 2
        return start, last

    def committed(self, place: Place) -> TopicPartition:
        """What the consumers' group has committed for a place."""
        (found,) = self._consumer.committed([TopicPartition(*place)], _CALL_TIMEOUT_S)
        return found

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()

    def _go_to(self, place: Place, start: int) -> None:
        self._held = []
        self._consumer.assign([TopicPartition(*place, start)])
        self.place, self.next_offset, self._fetched_to = place, start, start


class TopicReaders:
    """All consumers of one process."""

    def __init__(self, client: Settings) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(CONSUMERS_MAX, "change-history")
        self._free = asyncio.Semaphore(CONSUMERS_MAX)
        self._resting: list[TopicReader] = []
        """The one that came last is last."""
        self._made = 0

    async def use(self, place: Place, work: Callable[[TopicReader], Result], *, start: int = -1) -> Result:
        """Do something with a consumer, if possible with one that stands before `start`. Raises HistoryUnavailableError."""
        await self._free.acquire()
        try:
            reader = self._take(place, start)
        except KafkaException as error:
            self._free.release()
            raise _unreadable(place, error) from error
        loop = asyncio.get_running_loop()
        under_way = self._pool.submit(work, reader)
        # Not when we are done waiting: a call that was cancelled goes on in its thread.
        under_way.add_done_callback(lambda _: loop.call_soon_threadsafe(self._rest, reader))
        try:
            return await asyncio.wrap_future(under_way)
        except KafkaException as error:
            raise _unreadable(place, error) from error

    def _take(self, place: Place, start: int) -> TopicReader:
        for reader in self._resting:
            if reader.place == place and reader.next_offset == start:
                self._resting.remove(reader)
                return reader
        if self._made < CONSUMERS_MAX:
            reader = TopicReader(self._client)
            self._made += 1
            return reader
        return self._resting.pop(0)

    def _rest(self, reader: TopicReader) -> None:
        self._resting.append(reader)
        self._free.release()

    async def close(self) -> None:
        """Close all consumers once they have done what they do."""
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        for reader in self._resting:
            reader.close()


def _unreadable(place: Place, error: KafkaException) -> HistoryUnavailableError:
    return HistoryUnavailableError(f"{place[0]} cannot be read: {error.args[0].str()}")


def offset_of(message: Message) -> int:
    """Messages of a partition, and the news of its end, have an offset."""
    offset = message.offset()
    assert offset is not None
    return offset
