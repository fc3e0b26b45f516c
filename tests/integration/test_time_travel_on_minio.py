"""The way of a log through a real object store and back to any of its past states."""

import asyncio
import random

import pytest

from services.archiver.ship_segments import SegmentLimits, SegmentShipper
from stator.adapters.archive_minio import MinioArchive, S3Settings
from stator.adapters.clock_system import SystemClock
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryView
from stator.model.positions import LogId, TimestampUs
from stator.rules.recovery_plan import Moment
from stator.runtime.history import History
from tests.histories import RandomLog
from tests.servers import MinioServer

LOG = LogId(7)


@pytest.mark.minio
def test_a_log_that_lives_in_the_object_store_alone_can_be_had_as_of_any_instant(minio_server: MinioServer) -> None:
    async def run() -> None:
        clock = SystemClock()
        settings = S3Settings(
            endpoint=f"http://{minio_server.endpoint}",
            bucket="time-travel",
            access_key=minio_server.access_key,
            secret_key=minio_server.secret_key,
        )
        archive = MinioArchive(settings)
        await archive.open()
        history = RandomLog(LOG, random.Random(5))
        history.grow(120)
        store = MemoryLogStore()
        store.create(LOG)
        for message in history.messages:
            store.land(LOG, message.data)
        log = MemoryLog(store)
        shipper = SegmentShipper(log, archive, clock, LOG, SegmentLimits(segment_bytes=2_000, merge_segments=4))
        shipping = asyncio.ensure_future(shipper.run())
        await shipper.flush(history.end)
        shipping.cancel()
        await asyncio.gather(shipping, return_exceptions=True)
        store.trim(LOG, history.end)
        for timestamp_us in range(1_000, history.now_us + 50, 97):
            at = TimestampUs(timestamp_us)
            scratch = MemoryView(0)
            moment = Moment(timestamp_us=at, until=history.end, closed_us=at)
            await History(archive, log, clock).state_at(LOG, moment, scratch)
            assert dict(scratch.scan(b"", None)) == history.at(timestamp_us)
        archive.close()

    asyncio.run(run())
