"""Index workers under Faust on real brokers, killed again and again: the indexes still are the projection of the items."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stator.adapters.clock_system import SystemClock
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.view_memory import MemoryView
from stator.codec.catalog_entries import Entry, encode_entry, table_key
from stator.codec.log_records import CLAIM, EFFECTS, encode_claim, encode_effects, encode_envelope, fingerprint
from stator.model.errors import LogError
from stator.model.positions import (
    CATALOG_LOG,
    OWN_LANE,
    Epoch,
    LaneId,
    LogId,
    LogPosition,
    Offset,
    Seq,
    TimestampUs,
    WriterId,
)
from stator.model.records import Base, Effect, Kind
from stator.ports.view import ViewWriter
from stator.rules.acceptance import chain_after
from stator.runtime.replica import Replica
from tests.servers import KafkaBrokers
from tests.unit.gsi.world import INDEX_LOGS, SOURCES, TABLE, SourceWriter, projection

pytestmark = pytest.mark.kafka

PREFIX = "gsi-test.wal."
KILLS = 2
TAKEN_OVER_S = 60.0
"""A new worker has joined, and the last one killed has been given up, within this time."""
SETTLED_S = 40.0


class KafkaLanding:
    """A `LandingPlace` on Kafka."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log
        self.reports = 0
        self.landed = 0

    def land(self, log_id: LogId, data: bytes) -> None:
        self.landed += 1
        self._log.append(log_id, data, self._reported)

    def _reported(self, _offset: Offset | None, error: LogError | None) -> None:
        assert error is None
        self.reports += 1


class Worker:
    """One worker process."""

    def __init__(self, bootstrap: str, directory: Path, name: str) -> None:
        self._output = directory / f"{name}.log"
        environment = {
            **os.environ,
            "STATOR_NODE": name,
            "STATOR_KAFKA": bootstrap,
            "STATOR_LOG_PREFIX": PREFIX,
            "STATOR_DATA": str(directory / name),
            "STATOR_ADMIN_PORT": "0",
            "STATOR_S3_ENDPOINT": "http://127.0.0.1:9",
            "STATOR_S3_BUCKET": "unused",
            "STATOR_S3_ACCESS_KEY": "unused",
            "STATOR_S3_SECRET_KEY": "unused",
        }
        with self._output.open("wb") as output:
            self._process = subprocess.Popen([sys.executable, "-m", "services.gsi"], env=environment, stderr=output)

    def has_joined(self) -> bool:
        """Whether it is a member of the group."""
        return b"sources_assigned" in self._output.read_bytes()

    def has_claimed(self) -> bool:
        """Whether it has got a source and taken its lanes."""
        return b"index_lanes_claimed" in self._output.read_bytes()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self._process.terminate()
        return self._process.wait(timeout=20)


def catalog_record(kind: Kind, seq: int, chain: int, schema: str, payload: bytes) -> bytes:
    return encode_envelope(
        kind,
        CATALOG_LOG,
        OWN_LANE,
        Epoch(1),
        WriterId(7),
        Seq(seq),
        chain,
        TimestampUs(2),
        fingerprint(schema),
        payload,
    )


async def write_catalog(landing: KafkaLanding) -> None:
    entry = encode_effects([Effect(table_key(TABLE.name), None, encode_entry(Entry(table=TABLE)), TimestampUs(2))])
    claim = catalog_record(Kind.CLAIM, 0, 0, CLAIM, encode_claim("test"))
    table = catalog_record(Kind.EFFECT, 1, chain_after(0, claim), EFFECTS, entry)
    landing.land(CATALOG_LOG, claim)
    landing.land(CATALOG_LOG, table)
    await until(lambda: landing.reports == landing.landed, SETTLED_S)


async def no_base(_base: Base, _view: ViewWriter, _position: LogPosition) -> None:
    raise AssertionError("an index log has no Base")


@asynccontextmanager
async def index_replicas(log: KafkaLog) -> AsyncIterator[dict[LogId, Replica]]:
    replicas = {log_id: Replica(log, log_id, MemoryView(0), no_base) for log_id in INDEX_LOGS}
    tasks = [asyncio.create_task(replica.run()) for replica in replicas.values()]
    try:
        yield replicas
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(reached: Callable[[], bool], within_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    async with asyncio.timeout(within_s):
        while not reached():
            meanwhile()
            await asyncio.sleep(0.02)


def test_indexes_equal_the_projection_although_workers_are_killed(kafka: KafkaBrokers, tmp_path: Path) -> None:
    async def scenario() -> None:
        log = await KafkaLog.connect(kafka.bootstrap, SystemClock(), prefix=PREFIX)
        workers: list[Worker] = []
        try:
            await log.create([CATALOG_LOG, *TABLE.logs])
            landing = KafkaLanding(log)
            dice = random.Random(1)
            writers = [SourceWriter(landing, source, dice) for source in SOURCES]
            for writer in writers:
                writer.claim()
                writer.define()

            def write() -> None:
                for writer in writers:
                    writer.write()

            # The first worker is running when the table is made, and learns of it from the catalog.
            workers.append(Worker(kafka.bootstrap, tmp_path, "gsi-0"))
            await until(workers[0].has_joined, TAKEN_OVER_S, write)
            await write_catalog(landing)
            await until(workers[0].has_claimed, TAKEN_OVER_S, write)
            for number in range(1, KILLS + 1):
                workers.append(Worker(kafka.bootstrap, tmp_path, f"gsi-{number}"))
                await until(workers[-1].has_claimed, TAKEN_OVER_S, write)
                workers.pop(0).kill()
            # Defines tell every lane, and so this test, that everything before has been dealt with.
            for writer in writers:
                writer.define()
            await until(lambda: landing.reports == landing.landed, SETTLED_S)
            ends = {source: await log.end(source) for source in SOURCES}
            async with index_replicas(log) as replicas:

                def all_done() -> bool:
                    return all(
                        replica.position.lane(LaneId(source)).source_offset == ends[source] - 1
                        for replica in replicas.values()
                        for source in SOURCES
                    )

                await until(all_done, SETTLED_S)
                rows = {
                    log_id: {key: item.image for key, item in replica.view.scan(b"", None)}
                    for log_id, replica in replicas.items()
                }
                assert rows == projection(writers)
            assert workers.pop().terminate() == 0
        finally:
            for worker in workers:
                worker.kill()
            await log.close()

    asyncio.run(scenario())
