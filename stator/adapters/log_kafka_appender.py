"""Appends to Kafka: one idempotent producer, and the thread that waits for its delivery reports.

The event loop calls `produce`, which only queues; the thread collects whatever reports one poll brings and wakes the
loop once for all of them, because a wake-up costs more than a report. Nothing may poll or flush the producer from
inside a delivery callback, nor from another thread: reports would be handed over twice or never.
"""

import asyncio
from functools import partial
from threading import Thread

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from stator.adapters.log_kafka_settings import CONNECTION, PRODUCER, Settings
from stator.model.errors import LogError
from stator.model.positions import Offset
from stator.ports.log import MESSAGE_BYTES_MAX, Report

log = structlog.get_logger()

_POLL_S = 0.2
"""How long the thread sleeps when no report comes; a report wakes it at once."""
_FLUSH_S = 1.0
"""How long `close` waits for appends in flight. They are on the wire within milliseconds, or a broker is away."""

Outcome = tuple[Report, Offset | None, LogError | None]


class KafkaAppender:
    """One producer. An error that is fatal to it is fatal to all logs it serves, so a process has a few of these."""

    def __init__(self, client: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = {**CONNECTION, **PRODUCER, **client, "error_cb": self._note}
        self._loop = loop
        self._producer = Producer(self._settings)
        self._outcomes: list[Outcome] = []
        self._fatal = False
        self._closing = False
        self._thread = Thread(target=self._serve, name="kafka-appender", daemon=True)
        self._thread.start()

    def append(self, topic: str, data: bytes, report: Report) -> None:
        """Queue one message; `report` is called on the loop, also when it could not even be queued."""
        if self._closing:
            self._refuse(report, "the log is closed")
            return
        if len(data) > MESSAGE_BYTES_MAX:
            self._refuse(report, f"{topic}: a message of {len(data)} bytes is over the limit of {MESSAGE_BYTES_MAX}")
            return
        try:
            self._producer.produce(topic, data, partition=0, on_delivery=partial(self._collect, report))
        except (BufferError, KafkaException) as refusal:
            self._refuse(report, f"{topic}: {refusal}")

    def _refuse(self, report: Report, reason: str) -> None:
        self._loop.call_soon(report, None, LogError(reason))

    async def close(self) -> None:
        """Wait briefly for what is in flight, report the rest as errors, stop the thread."""
        self._closing = True
        await self._loop.run_in_executor(None, self._thread.join)

    # --- on the thread ------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._closing:
            self._producer.poll(_POLL_S)
            if self._fatal:
                self._replace()
            self._hand_over()
        self._producer.flush(_FLUSH_S)
        self._give_up(self._producer)
        self._hand_over()

    def _collect(self, report: Report, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._outcomes.append((report, None, LogError(f"{message.topic()}: {error.str()}")))
            return
        offset = message.offset()
        known = None if offset is None or offset < 0 else Offset(offset)  # a retry may be answered without it
        self._outcomes.append((report, known, None))

    def _note(self, error: KafkaError) -> None:
        """Connections come and go; only a producer that cannot go on needs us."""
        self._fatal = self._fatal or error.fatal()

    def _replace(self) -> None:
        """A producer with a fatal error refuses everything for ever: its appends end as unknown, a new one goes on."""
        dead, self._producer = self._producer, Producer(self._settings)
        self._give_up(dead)
        self._fatal = False
        log.warning("kafka_producer_replaced", reports=len(self._outcomes))

    @staticmethod
    def _give_up(producer: Producer) -> None:
        """Drop what is queued or in flight; `flush` then serves the error reports of it."""
        producer.purge()
        producer.flush(_FLUSH_S)

    def _hand_over(self) -> None:
        if self._outcomes:
            burst, self._outcomes = self._outcomes, []
            self._loop.call_soon_threadsafe(self._tell, burst)

    # --- on the loop --------------------------------------------------------------------------------------

    def _tell(self, burst: list[Outcome]) -> None:
        for report, offset, error in burst:
            try:
                report(offset, error)
            except Exception as fault:  # noqa: BLE001 one faulty listener must not swallow its neighbours' reports
                self._loop.call_exception_handler({"message": "an append's report failed", "exception": fault})
