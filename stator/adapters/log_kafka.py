"""The write-ahead log on Kafka: a topic with one partition per log (`ports/log.py` says what that promises).

Not to break: no transactional producer ever writes to these topics and they are never compacted, else offsets have gaps
and leaders lose their fast confirmation (protocol R6).
"""

import asyncio
from collections.abc import Sequence
from typing import Self

from stator.adapters.log_kafka_appender import KafkaAppender
from stator.adapters.log_kafka_reader import KafkaFetcher, KafkaReader
from stator.adapters.log_kafka_settings import Settings
from stator.adapters.log_kafka_topics import LOG_PREFIX, KafkaTopics
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.ports.clock import Clock
from stator.ports.log import Report


class KafkaLog:
    """All logs of one deployment, as topics: `<prefix>catalog`, `<prefix>ledger`, `<prefix><digits>`. Make it with `connect`."""

    exclusive = False

    def __init__(
        self,
        topics: KafkaTopics,
        appenders: Sequence[KafkaAppender],
        client: Settings,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        look_s: float,
    ) -> None:
        self._topics = topics
        self._appenders = appenders
        self._client = client
        self._loop = loop
        self._fetchers: list[KafkaFetcher] = []
        self._clock = clock
        self._look_s = look_s
        self._looking = loop.create_task(self._look_for_vanished_logs())

    @classmethod
    async def connect(
        cls,
        bootstrap: str,
        clock: Clock,
        *,
        prefix: str = LOG_PREFIX,
        replication: int = 3,
        min_insync: int = 2,
        producers: int = 2,
        timeout_s: float = 10.0,
        look_s: float = 5.0,
        client: Settings | None = None,
    ) -> Self:
        """Find the brokers at `bootstrap` ("host:port,host:port") and start the producers.

        `client` adds librdkafka settings to every client (security.protocol and the like).
        A log that is silent is looked for every `look_s`; its readers fail when it is missing twice running.
        Raises LogError when no broker answers within `timeout_s`.
        """
        loop = asyncio.get_running_loop()
        settings = {**(client or {}), "bootstrap.servers": bootstrap}
        topics = KafkaTopics(settings, clock, prefix=prefix, replication=replication, min_insync=min_insync)
        await topics.reach(timeout_s)
        appenders = [KafkaAppender(settings, loop) for _ in range(producers)]
        return cls(topics, appenders, {**settings, "group.id": prefix}, loop=loop, clock=clock, look_s=look_s)

    async def create(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.create`. Raises LogError when some may be missing; calling again is safe."""
        await self._topics.create(log_ids)

    async def delete(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.delete`."""
        await self._topics.delete(log_ids)

    async def list(self) -> Sequence[LogId]:
        """See `Log.list`."""
        return await self._topics.list()

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        """See `Log.append`. All appends to one log go through one producer: that keeps their order."""
        self._appenders[log_id % len(self._appenders)].append(self._topics.name(log_id), data, report)

    def read(self, log_id: LogId, start: Offset) -> KafkaReader:
        """See `Log.read`."""
        topic = self._topics.name(log_id)
        for fetcher in self._fetchers:
            if fetcher.takes(topic):
                return fetcher.read(topic, start)
        self._fetchers.append(KafkaFetcher(self._client, self._loop))
        return self._fetchers[-1].read(topic, start)

    async def end(self, log_id: LogId) -> Offset:
        """See `Log.end`."""
        return await self._topics.end(log_id)

    async def start(self, log_id: LogId) -> Offset:
        """See `Log.start`."""
        return await self._topics.start(log_id)

    async def trim(self, log_id: LogId, before: Offset) -> None:
        """See `Log.trim`. Kafka drops whole segments only, but offsets below `before` are unreadable at once."""
        await self._topics.trim(log_id, before)

    async def close(self) -> None:
        """See `Log.close`."""
        self._looking.cancel()
        closing = [appender.close() for appender in self._appenders] + [fetcher.close() for fetcher in self._fetchers]
        await asyncio.gather(*closing)

    async def _look_for_vanished_logs(self) -> None:
        """A consumer waits for ever on a topic that is not there; and one broker alone may not have heard of it yet."""
        missing: set[str] = set()
        while True:
            await self._clock.sleep(self._look_s)
            silent = [reader for fetcher in self._fetchers for reader in fetcher.silent()]
            absent = await self._topics.absent({reader.topic for reader in silent})
            for reader in silent:
                if reader.topic in absent & missing:
                    reader.fail(LogError(f"{reader.topic} does not exist"))
            missing = absent
