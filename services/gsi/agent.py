"""The Faust side of the index worker: Faust consumes and assigns, and nothing else.

One agent reads all source topics and hands each message to the reader of its log. Nothing is committed to Kafka: progress
is what the lanes say (protocol R15), and Faust, once it is made to seek ahead of its committed offsets, remembers every
acknowledged message for ever. Where the installed Faust 0.15.3 decides how things are done here:

- Topics are added at run time by changing the topic's own list and telling the conductor. It forgets that when it happens
  during a rebalance, and waits 45 s before it acts; so it is told again until it has subscribed, and waits 1 s.
- Its own assignor keeps partitions of one number together, and all of ours are number 0: one worker would get everything.
  Without standby tables it takes Kafka's round robin.
- It cannot subscribe to nothing: the catalog's topic is always in the list.
- After every rebalance it seeks all partitions to committed offsets (none) once its flow resumes, so readers seek anew.
- A paused partition loses fetched messages; a "full buffer" (`on_buffer_full`) does not.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
import structlog
from aiokafka.errors import IllegalStateError  # type: ignore[import-untyped]
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.clock import Clock

from .source_reader import SourceReader

_log = structlog.get_logger()

SUBSCRIBE_S = 1.0
"""How long changes of the subscription are collected: each one costs a rebalance of the whole group."""
NEVER_S = 10 * 365 * 24 * 3600.0
"""For Faust's own watchdogs, which take an idle topic for a stuck one; `watchdog.py` compares with the log's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """How this process takes part in the group of index workers."""

    bootstrap: str
    """host:port,host:port"""
    prefix: str
    """What the names of all logs' topics start with; the catalog's ends in "catalog", a source's in eight digits."""
    scratch: Path
    """A directory for Faust, which puts nothing there."""
    session_timeout_s: float = 6.0
    """After how long without a heartbeat a worker's sources are given to others; brokers allow no less."""

    @property
    def group(self) -> str:
        """The consumer group: one per deployment."""
        return f"{self.prefix}stator-gsi"

    @property
    def anchor(self) -> str:
        """A topic that always exists."""
        return f"{self.prefix}catalog"


class SourceGroup:
    """This process's membership of the group. `start` it; `subscribe` says what the group should consume."""

    def __init__(self, settings: GroupSettings, clock: Clock, on_assigned: Callable[[set[LogId]], None]) -> None:
        """`on_assigned` is told, after each rebalance, which sources are this process's."""
        self._settings = settings
        self._clock = clock
        self._on_assigned = on_assigned
        self._readers: dict[LogId, SourceReader] = {}
        self._stopping = False
        self._app = _faust_app(settings)
        self._app.topics._resubscribe_sleep_lock_seconds = SUBSCRIBE_S  # noqa: SLF001 - no public way
        self._topic = self._app.topic(
            settings.anchor, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw", acks=False
        )
        self._topic.topics = [settings.anchor]  # a list, which `subscribe` can change for all of Faust's copies
        self._app.agent(self._topic, name="index-sources")(self._consume)
        self._app.on_partitions_assigned.connect(self._assigned)

    async def start(self) -> None:
        """Join the group."""
        self._app.finalize()
        await self._app.start()

    async def run(self) -> None:
        """Keep the subscription up to date until `stop`. Raises when Faust stops by itself."""
        while not self._app.should_stop:
            await self._clock.sleep(SUBSCRIBE_S)
            subscribed = self._app.topics._topic_name_index  # noqa: SLF001 - no public way
            if not self._app.rebalancing and set(subscribed) != set(self._topic.topics):
                self._app.topics._flag_changes()  # noqa: SLF001 - no public way
        if not self._stopping:
            raise RuntimeError("Faust stopped") from self._app.crash_reason

    async def stop(self) -> None:
        """Leave the group, so that others need not wait for the session to time out."""
        self._stopping = True
        await self._app.stop()

    def subscribe(self, sources: Iterable[LogId]) -> None:
        """What the group should consume from now on."""
        self._topic.topics[:] = [self._settings.anchor, *(self._name(source) for source in sorted(sources))]

    def read(self, log_id: LogId, start: Offset) -> SourceReader:
        """Read an assigned source. A `ReadSource`."""
        reader = SourceReader(log_id, start, self._clock, self._seek, self._hold_back)
        self._readers[log_id] = reader
        return reader

    def nudge(self, log_id: LogId) -> None:
        """Seek a source anew, in case that its consumer lost it."""
        reader = self._readers.get(log_id)
        if reader is not None:
            reader.lose_place()

    # --- what Faust calls ------------------------------------------------------------------------------------

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            reader = self._readers.get(self._log_id(message.topic))
            if reader is not None:
                reader.deliver(LogMessage(Offset(message.offset), message.value))

    async def _assigned(self, _app: Any, assigned: set[TP], **_more: Any) -> None:
        sources = {self._log_id(place.topic) for place in assigned if place.topic != self._settings.anchor}
        _log.info("sources_assigned", sources=sorted(sources))
        for log_id in set(self._readers) - sources:
            del self._readers[log_id]
        for reader in self._readers.values():
            reader.lose_place()
        self._on_assigned(sources)

    # --- what readers ask of it ------------------------------------------------------------------------------

    async def _seek(self, log_id: LogId, offset: Offset) -> bool:
        place = TP(self._name(log_id), 0)
        consumer = self._app.consumer
        if self._app.rebalancing or place not in consumer.assignment():
            return False
        try:
            await consumer.seek_wait({place: offset})
        except (TimeoutError, IllegalStateError):
            return False
        return True

    def _hold_back(self, log_id: LogId, back: bool) -> None:
        place = TP(self._name(log_id), 0)
        if back:
            self._app.consumer.on_buffer_full(place)
        else:
            self._app.consumer.on_buffer_drop(place)

    def _name(self, log_id: LogId) -> str:
        return f"{self._settings.prefix}{log_id:08d}"

    def _log_id(self, topic: str) -> LogId:
        digits = topic.removeprefix(self._settings.prefix)
        return LogId(int(digits)) if digits.isdecimal() else LogId(0)


def _faust_app(settings: GroupSettings) -> Any:
    """Any, because most of what is needed here is on Faust's classes and not on the types it declares."""
    return faust.App(
        settings.group,
        broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
        datadir=str(settings.scratch),
        store="memory://",
        processing_guarantee="at_least_once",
        agent_supervisor=CrashingSupervisor,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_ack_exceptions=False,
        stream_ack_cancelled_tasks=False,
        stream_recovery_delay=0.0,
        table_standby_replicas=0,
        stream_processing_timeout=NEVER_S,
        broker_commit_livelock_soft_timeout=NEVER_S,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 6,
        consumer_auto_offset_reset="earliest",
    )
