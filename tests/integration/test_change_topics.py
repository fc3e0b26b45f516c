"""Change topics as strangers see them: real brokers, real streams processes that are killed, a plain consumer."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import fastavro
import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, TopicPartition

from stator.adapters.clock_system import SystemClock
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.view_memory import MemoryViews
from stator.codec.catalog_entries import Entry, encode_entry, table_key
from stator.model.errors import LogError
from stator.model.positions import CATALOG_LOG, LogId, Offset, TimestampUs
from stator.model.records import Effect
from stator.model.tables import Stream, Table
from stator.runtime.replica import Replica
from tests.servers import KafkaBrokers, free_ports
from tests.unit.streams.writing import LogWriter, effect, random_effects, table

pytestmark = pytest.mark.kafka

SCHEMA = fastavro.schema.load_schema(Path(__file__).parents[2] / "schemas" / "change_record" / "v1.avsc")
LOGS = (770_003, 770_004)  # one for each of two processes, by rendezvous hashing
TABLE = table(*LOGS, name="change_topics", stream=Stream("NEW_AND_OLD_IMAGES", "2026-11-21T08:00:00.000"))
TOPIC = "stator.changes.change-utopics.2026-11-21T08-00-00-000"

CATCH_UP_S = 60.0

Record = dict[str, Any]


class StreamsProcesses:
    """Streams processes by number, that a test kills and starts."""

    def __init__(self, directory: Path, bootstrap: str, count: int) -> None:
        ports = free_ports()
        self._seeds = {f"streams-{n}": f"127.0.0.1:{ports.peer(n)}" for n in range(count)}
        self._directory = directory
        self._bootstrap = bootstrap
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        name = f"streams-{number}"
        environment = os.environ | {
            "STATOR_NODE": name,
            "STATOR_KAFKA": self._bootstrap,
            "STATOR_LISTEN": self._seeds[name],
            "STATOR_SEEDS": ",".join(f"{node}={address}" for node, address in self._seeds.items()),
            "STATOR_DATA": str(self._directory / name),
            "STATOR_ADMIN_PORT": "0",
            "STATOR_S3_ENDPOINT": "http://127.0.0.1:1",
            "STATOR_S3_ACCESS_KEY": "unused",
            "STATOR_S3_SECRET_KEY": "unused",
        }
        command = [str(Path(sys.executable).with_name("stator")), "service", "streams"]
        with self._log(number).open("ab") as log:
            self._running[number] = subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)

    def kill(self, number: int) -> None:
        process = self._running.pop(number)
        process.kill()
        process.wait()

    def pause(self, number: int) -> None:
        """Others take it for dead; it does not know that it was."""
        self._running[number].send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        self._running[number].send_signal(signal.SIGCONT)

    def opened(self, number: int) -> int:
        """How often a process has become the publisher of a log."""
        return self._log(number).read_text().count('"stream_opened"')

    async def opens(self, number: int, *, since: int) -> None:
        async with asyncio.timeout(CATCH_UP_S):
            while self.opened(number) <= since:  # noqa: ASYNC110 another process tells, by its log
                await asyncio.sleep(0.05)

    def terminate(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(30) for process in self._running.values()]
        self._running.clear()
        return codes

    def kill_all(self) -> None:
        for number in list(self._running):
            self.kill(number)

    def logs(self) -> str:
        return "\n".join(log.read_text() for log in sorted(self._directory.glob("*.log")))

    def _log(self, number: int) -> Path:
        return self._directory / f"streams-{number}.log"


@contextmanager
def streams_processes(directory: Path, bootstrap: str, count: int) -> Iterator[StreamsProcesses]:
    processes = StreamsProcesses(directory, bootstrap, count)
    try:
        for number in range(count):
            processes.start(number)
        yield processes
    finally:
        processes.kill_all()
        sys.stdout.write(processes.logs())  # pytest shows it when the test fails


async def append(log: KafkaLog, log_id: LogId, *messages: bytes) -> None:
    reports: list[asyncio.Future[LogError | None]] = []
    for message in messages:
        report: asyncio.Future[LogError | None] = asyncio.get_running_loop().create_future()
        log.append(log_id, message, lambda _offset, error, report=report: report.set_result(error))
        reports.append(report)
    assert [error for error in await asyncio.gather(*reports) if error is not None] == []


async def catalog_holds(log: KafkaLog, entry: Table | None) -> None:
    """Set TABLE's entry, as a control process that has just taken over the catalog does."""
    await log.create([CATALOG_LOG])
    replica = Replica(log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), no_base)
    following = asyncio.create_task(replica.run())
    await replica.reached(await log.end(CATALOG_LOG))
    following.cancel()
    key = table_key(TABLE.name)
    stored = replica.view.get(key)
    timestamp_us = TimestampUs(replica.position.timestamp_us + 1)
    image = None if entry is None else encode_entry(Entry(table=entry))
    writer = LogWriter(CATALOG_LOG, replica.position.lane())
    change = Effect(key, None if stored is None else stored.image, image, timestamp_us)
    await append(log, CATALOG_LOG, writer.claim(), writer.effects([change]))


async def no_base(*_: object) -> None:
    raise AssertionError("a catalog has no base")


async def fail_and_heal(processes: StreamsProcesses) -> None:
    """Each process owns one of the logs. Whoever fails loses it to the other, and gets it back when it is well again."""
    failures = [
        (0, processes.kill, processes.start),
        (1, processes.pause, processes.resume),
        (1, processes.kill, processes.start),
    ]
    for number in (0, 1):
        await processes.opens(number, since=0)
    for victim, fail, heal in failures:
        opened = processes.opened(1 - victim)
        fail(victim)
        await processes.opens(1 - victim, since=opened)
        opened = processes.opened(victim)
        heal(victim)
        await processes.opens(victim, since=opened)


async def write_while_processes_die(
    log: KafkaLog, processes: StreamsProcesses, dice: Random
) -> dict[int, list[Effect]]:
    """Random effects into both logs while leaders change and streams processes die; what was accepted."""
    writers = [LogWriter(log_id) for log_id in LOGS]
    histories = [random_effects(dice, 20, prefix=f"{log_id}-") for log_id in LOGS]
    accepted: dict[int, list[Effect]] = defaultdict(list)
    for writer in writers:
        await append(log, writer.log_id, writer.claim(), writer.define(TABLE))
    failing = asyncio.create_task(fail_and_heal(processes))
    while not failing.done():
        number = dice.randrange(len(writers))
        writer = writers[number]
        effects = list(islice(histories[number], dice.choice([1, 1, 5, 50])))
        accepted[number] += effects
        await append(log, writer.log_id, writer.effects(effects))
        if dice.random() < 0.02:
            await append(log, writer.log_id, writer.claim(), writer.stale([effect(None, {"Id": {"S": "late"}})]))
        await asyncio.sleep(dice.random() * 0.02)
    await failing
    return accepted


def read_records(bootstrap: str, partition: int, wanted: int) -> list[Record]:
    """What a consumer that knows nothing but Kafka, Avro and the schema file reads: at least `wanted`, then to the end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "a-stranger",
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(TOPIC, partition, 0)])
    records: list[Record] = []
    deadline = time.monotonic() + CATCH_UP_S
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is None:
            value = message.value()
            assert value is not None
            # The effects are dated 2023: by the time of the change, retention would take them at once.
            assert message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME
            decoded = fastavro.schemaless_reader(BytesIO(value[10:]), SCHEMA, None)
            assert isinstance(decoded, dict)
            records.append(decoded)
        else:
            assert error.code() == KafkaError._PARTITION_EOF
            if len(records) >= wanted:
                break
    consumer.close()
    return records


def check_records(records: list[Record], accepted: list[Effect], log_id: int) -> None:
    """Every accepted effect is there once and in order, with an identity that is its own and its place in the log."""
    assert len(records) == len(accepted)
    for record, expected in zip(records, accepted, strict=True):
        assert record["before"] == (expected.old and expected.old.decode())
        assert record["after"] == (expected.new and expected.new.decode())
        assert record["ts_us"] == expected.timestamp_us
        assert record["source"]["partition"] == log_id
    places = [(record["source"]["offset"], record["source"]["index"]) for record in records]
    numbers = [int(record["sequenceNumber"]) for record in records]
    assert places == sorted(set(places))
    assert numbers == sorted(set(numbers))
    assert len({record["eventID"] for record in records}) == len(records)


def test_each_change_reaches_consumers_once_and_in_order_while_processes_are_killed(
    kafka: KafkaBrokers, tmp_path: Path
) -> None:
    async def written(processes: StreamsProcesses) -> dict[int, list[Effect]]:
        log = await KafkaLog.connect(kafka.bootstrap, SystemClock())
        try:
            await log.create([LogId(log_id) for log_id in LOGS])
            await catalog_holds(log, TABLE)
            accepted = await write_while_processes_die(log, processes, Random(20))
            assert await log.end(LogId(LOGS[0])) > Offset(20)
            return accepted
        finally:
            await log.close()

    async def forgotten() -> None:
        log = await KafkaLog.connect(kafka.bootstrap, SystemClock())
        await catalog_holds(log, None)
        await log.close()

    with streams_processes(tmp_path, kafka.bootstrap, 2) as processes:
        accepted = asyncio.run(written(processes))
        for partition, log_id in enumerate(LOGS):
            check_records(
                read_records(kafka.bootstrap, partition, len(accepted[partition])), accepted[partition], log_id
            )
        assert processes.terminate() == [0, 0]
        asyncio.run(forgotten())
    assert "stream_fenced" in processes.logs()
    assert "stream_progress_lost" not in processes.logs()
    assert "stream_halted" not in processes.logs()
