import asyncio
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import lmdb
import pytest

from stator.adapters.log_lmdb import LmdbLog
from stator.adapters.log_lmdb_store import LmdbLogStore
from stator.adapters.log_lmdb_writer import Change
from stator.model.errors import LogError, StartupError
from stator.model.positions import LogId, Offset
from stator.ports.log import Log
from tests.contracts import append_until_killed as victim
from tests.contracts.log_contract import LogContract, appended, offsets_of, read_exactly

ONE = LogId(1)
MAP_BYTES = 1024**3


@asynccontextmanager
async def opened(directory: Path, map_bytes: int = MAP_BYTES) -> AsyncIterator[LmdbLog]:
    log = LmdbLog(directory, map_bytes=map_bytes)
    try:
        yield log
    finally:
        await log.close()


def run(directory: Path, scenario: Callable[[LmdbLog], Awaitable[None]], map_bytes: int = MAP_BYTES) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), opened(directory, map_bytes) as log:
            await scenario(log)

    asyncio.run(main())


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    """A disk that takes no file longer than this."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


class TestLmdbLog(LogContract):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "data"

    def opened(self) -> AbstractAsyncContextManager[Log]:
        return opened(self.directory)


def test_the_log_excludes_other_processes(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        assert log.exclusive
        with pytest.raises(StartupError, match=f"{tmp_path} is in use by another process$"):
            LmdbLog(tmp_path)

    run(tmp_path, scenario)
    run(tmp_path, scenario)  # the lock is given back


@pytest.mark.parametrize("obstacle", ["", "log"])
def test_a_file_where_a_directory_belongs_is_the_operator_s_business(tmp_path: Path, obstacle: str) -> None:
    directory = tmp_path / "data"
    (directory / obstacle).parent.mkdir(exist_ok=True)
    (directory / obstacle).write_text("not a directory")

    async def main() -> None:
        with pytest.raises(StartupError, match=str(directory)) as refused:
            LmdbLog(directory)
        assert "\n" not in refused.value.message

    asyncio.run(main())


def test_a_foreign_file_in_the_log_s_place_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "data.mdb").write_bytes(b"\xa5" * 65_536)

    async def main() -> None:
        for _ in range(2):  # and the lock is free again
            with pytest.raises(StartupError, match="cannot be opened"):
                LmdbLog(tmp_path)

    asyncio.run(main())
    assert (tmp_path / "log" / "data.mdb").read_bytes() == b"\xa5" * 65_536


def test_appends_that_wait_together_share_one_commit(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE])
        before = log._store._env.info()["last_txnid"]
        await offsets_of(log, ONE, [b"x"] * 1_000)
        assert log._store._env.info()["last_txnid"] - before <= 20

    run(tmp_path, scenario)


@pytest.mark.parametrize("full", ["map", "disk"])
def test_when_the_disk_is_full_appends_fail_nothing_is_lost_and_later_ones_succeed(tmp_path: Path, full: str) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE])
        assert await offsets_of(log, ONE, [b"before"]) == [0]
        limit = file_size_limit(512 * 1024) if full == "disk" else contextmanager(lambda: iter([None]))()
        with limit:
            outcomes = await asyncio.gather(*[appended(log, ONE, bytes(600_000)) for _ in range(4)])
        assert all(offset is None and isinstance(error, LogError) for offset, error in outcomes)
        assert await offsets_of(log, ONE, [b"after"]) == [1]
        reader = log.read(ONE, Offset(0))
        assert [message.data for message in await read_exactly(reader, 2)] == [b"before", b"after"]

    run(tmp_path, scenario, map_bytes=1024 * 1024 if full == "map" else MAP_BYTES)


def test_a_refused_append_does_not_fail_its_neighbours(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE])
        outcomes = [appended(log, LogId(number), b"x") for number in (1, 2, 1)]
        first, second, third = await asyncio.gather(*outcomes)
        assert first == (0, None)
        assert isinstance(second[1], LogError)
        assert third == (1, None)

    run(tmp_path, scenario)


def test_a_report_that_raises_keeps_no_other_from_its_caller(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await log.create([ONE])
        log.append(ONE, b"bad caller", lambda _offset, _error: 1 // 0)  # type: ignore[arg-type]
        assert await appended(log, ONE, b"good caller") == (1, None)
        assert [type(context["exception"]) for context in complaints] == [ZeroDivisionError]

    run(tmp_path, scenario)


def test_a_reader_at_the_tail_is_handed_the_very_bytes(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE])
        reader = log.read(ONE, Offset(0))
        data = bytes(100)
        waiting = asyncio.ensure_future(reader.read())
        await asyncio.sleep(0)
        await appended(log, ONE, data)
        [message] = await waiting
        assert message.data is data

    run(tmp_path, scenario)


def test_a_reader_that_overtakes_the_reports_sees_nothing_twice(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE])
        reported = appended(log, ONE, b"a")
        while log._store.end(ONE) == 0:  # holds up the loop, so that the commit is there and its report is not
            pass
        assert not reported.done()
        reader = log.read(ONE, Offset(0))
        assert [message.offset for message in await reader.read()] == [0]
        await appended(log, ONE, b"b")
        assert [message.offset for message in await reader.read()] == [1]

    run(tmp_path, scenario)


def test_what_is_queued_when_the_log_closes_is_committed(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        def hold_up(_txn: lmdb.Transaction) -> None:
            loop.call_soon_threadsafe(held_up.set_result, None)
            deadline = time.monotonic() + 10
            while log._writer._queue.qsize() < 4 and time.monotonic() < deadline:
                time.sleep(0.001)

        await log.create([ONE])
        loop = asyncio.get_running_loop()
        held_up = loop.create_future()
        log._writer.submit(Change(hold_up, loop.create_future()))
        await held_up
        outcomes = [appended(log, ONE, b"x") for _ in range(3)]
        async with asyncio.timeout(20):
            await log.close()  # the fourth in the queue is its end
            assert await asyncio.gather(*outcomes) == [(0, None), (1, None), (2, None)]

    run(tmp_path, scenario)


def test_closing_gives_threads_back(tmp_path: Path) -> None:
    before = threading.active_count()

    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE])
        await offsets_of(log, ONE, [b"x"])
        await log.read(ONE, Offset(0)).read()
        assert threading.active_count() > before

    run(tmp_path, scenario)
    assert threading.active_count() == before


def test_a_long_trim_is_done_in_pieces_and_completes(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE, LogId(2)])
        await offsets_of(log, ONE, [b"x"] * 2_500)
        await offsets_of(log, LogId(2), [b"y"] * 10)
        trimming = asyncio.ensure_future(log.trim(ONE, Offset(2_400)))
        await asyncio.sleep(0)
        assert await offsets_of(log, ONE, [b"meanwhile"]) == [2_500]
        await trimming
        assert (await log.start(ONE), await log.end(ONE)) == (2_400, 2_501)
        assert (await log.start(LogId(2)), await log.end(LogId(2))) == (0, 10)

    run(tmp_path, scenario)


def test_a_deleted_log_gives_its_records_back(tmp_path: Path) -> None:
    async def scenario(log: LmdbLog) -> None:
        await log.create([ONE, LogId(2)])
        await offsets_of(log, ONE, [b"x"] * 1_500)
        await offsets_of(log, LogId(2), [b"kept"])
        await log.delete([ONE])
        with log._store._env.begin() as txn:
            assert txn.stat(log._store._records)["entries"] == 1

    run(tmp_path, scenario)


def test_a_start_with_ten_thousand_logs_does_no_work_per_log(tmp_path: Path) -> None:
    async def fill(log: LmdbLog) -> None:
        await log.create([LogId(number) for number in range(10_000)])
        for number in range(0, 10_000, 100):
            await appended(log, LogId(number), b"x")

    run(tmp_path, fill)

    async def scenario(log: LmdbLog) -> None:
        assert log._ends == {}
        assert await log.end(LogId(9_900)) == 1
        assert await log.end(LogId(9_901)) == 0
        assert len(log._ends) == 2
        assert len(await log.list()) == 10_000

    run(tmp_path, scenario)


def test_what_is_reported_is_on_disk_and_not_only_in_the_page_cache(tmp_path: Path) -> None:
    """No kill of a process can show that, and nothing here takes the power away: so LMDB is asked what it was told."""

    async def scenario(log: LmdbLog) -> None:
        flags = log._store._env.flags()
        assert (flags["sync"], flags["metasync"], flags["writemap"]) == (True, True, False)

    run(tmp_path, scenario)


def test_kill_9_loses_nothing_reported_and_leaves_neither_gap_nor_tear(tmp_path: Path) -> None:
    rng = random.Random(9)
    reported: dict[LogId, int] = dict.fromkeys(victim.LOGS, -1)
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-m", victim.__name__, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(rng.randrange(1, 400))]
            process.kill()
            lines += process.stdout.read().split("\n")[:-1]
        for line in lines:
            log_id, offset = map(int, line.split())
            reported[LogId(log_id)] = max(reported[LogId(log_id)], offset)
        store = LmdbLogStore(tmp_path / "log", MAP_BYTES)
        for log_id in victim.LOGS:
            found = store.messages(log_id, Offset(0), MAP_BYTES)
            assert [message.offset for message in found] == list(range(len(found)))
            assert len(found) > reported[log_id]
            assert all(victim.is_whole(log_id, message.data, message.offset) for message in found)
        store.close()
