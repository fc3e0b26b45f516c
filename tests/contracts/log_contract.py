"""What every log must do: the promises of `stator/ports/log.py`. Subclass it and say how to open a log."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest

from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.log import MESSAGE_BYTES_MAX, Log, LogReader

Outcome = tuple[Offset | None, LogError | None]


def appended(log: Log, log_id: LogId, data: bytes) -> asyncio.Future[Outcome]:
    """Append; the future holds what was reported, and fails if it is reported twice."""
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    log.append(log_id, data, lambda offset, error: outcome.set_result((offset, error)))
    return outcome


async def offsets_of(log: Log, log_id: LogId, messages: Sequence[bytes]) -> list[Offset | None]:
    """Append all at once and return the reported offsets."""
    outcomes = await asyncio.gather(*[appended(log, log_id, data) for data in messages])
    assert [error for _, error in outcomes if error] == []
    return [offset for offset, _ in outcomes]


async def read_exactly(reader: LogReader, count: int) -> list[LogMessage]:
    """Read until `count` messages have come."""
    messages: list[LogMessage] = []
    while len(messages) < count:
        messages.extend(await reader.read())
    assert len(messages) == count
    return messages


async def does_not_finish(awaitable: Awaitable[object], within_s: float = 0.05) -> bool:
    """Whether it is still waiting after a little while (then it is cancelled)."""
    try:
        await asyncio.wait_for(awaitable, within_s)
    except TimeoutError:
        return True
    return False


class LogContract(ABC):
    """Each test runs on its own loop with logs of its own; `wait_s` bounds it."""

    wait_s = 20.0
    first_id = 1
    """Ids from here on are free; a deployment that outlives a test must give another number each time."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[Log]:
        """Open the deployment's log, and close it at the end. Opened again, it holds what it held."""

    def run(self, scenario: Callable[[Log], Awaitable[None]]) -> None:
        """Run one scenario against an open log."""

        async def main() -> None:
            async with asyncio.timeout(self.wait_s), self.opened() as log:
                await scenario(log)

        asyncio.run(main())

    @asynccontextmanager
    async def with_log(self, log: Log, number: int = 0) -> AsyncIterator[LogId]:
        """A new log, deleted at the end."""
        log_id = LogId(self.first_id + number)
        await log.create([log_id])
        yield log_id
        await log.delete([log_id])

    def test_offsets_start_at_zero_and_have_no_gaps(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                assert await offsets_of(log, log_id, [b"a", b"b", b"c"]) == [0, 1, 2]
                assert await offsets_of(log, log_id, [b"d"]) == [3]

        self.run(scenario)

    def test_every_reader_sees_the_same_bytes_at_the_same_offsets(self) -> None:
        sent = [b"message %d" % number for number in range(50)]

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                early = log.read(log_id, Offset(0))
                await offsets_of(log, log_id, sent)
                late = log.read(log_id, Offset(0))
                expected = [LogMessage(Offset(number), data) for number, data in enumerate(sent)]
                assert await read_exactly(early, 50) == expected
                assert await read_exactly(late, 50) == expected
                early.close()
                late.close()

        self.run(scenario)

    def test_appends_of_one_caller_land_in_call_order(self) -> None:
        sent = [b"%d" % number for number in range(500)]

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, sent)
                reader = log.read(log_id, Offset(0))
                assert [message.data for message in await read_exactly(reader, 500)] == sent
                reader.close()

        self.run(scenario)

    def test_logs_do_not_mix(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log, 0) as one, self.with_log(log, 1) as other:
                assert await offsets_of(log, one, [b"x", b"y"]) == [0, 1]
                assert await offsets_of(log, other, [b"z"]) == [0]
                reader = log.read(other, Offset(0))
                assert await reader.read() == [LogMessage(Offset(0), b"z")]
                reader.close()

        self.run(scenario)

    def test_a_reader_starts_where_it_was_opened(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"a", b"b", b"c"])
                reader = log.read(log_id, Offset(2))
                assert await reader.read() == [LogMessage(Offset(2), b"c")]
                reader.close()

        self.run(scenario)

    def test_a_reader_at_the_end_waits_for_what_comes(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"old"])
                reader = log.read(log_id, Offset(1))
                waiting = asyncio.ensure_future(reader.read())
                assert await does_not_finish(asyncio.shield(waiting))
                await offsets_of(log, log_id, [b"new"])
                assert await waiting == [LogMessage(Offset(1), b"new")]
                reader.close()

        self.run(scenario)

    def test_a_reader_ahead_of_the_end_waits_for_its_offset(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                reader = log.read(log_id, Offset(1))
                waiting = asyncio.ensure_future(reader.read())
                await offsets_of(log, log_id, [b"a"])
                assert await does_not_finish(asyncio.shield(waiting))
                await offsets_of(log, log_id, [b"b"])
                assert await waiting == [LogMessage(Offset(1), b"b")]
                reader.close()

        self.run(scenario)

    def test_a_cancelled_read_loses_nothing(self) -> None:
        sent = [b"%d" % number for number in range(30)]

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                reader = log.read(log_id, Offset(0))
                received: list[bytes] = []
                for data in sent:
                    reading = asyncio.ensure_future(reader.read())
                    await asyncio.sleep(0)
                    reported = appended(log, log_id, data)
                    reading.cancel()
                    with suppress(asyncio.CancelledError):
                        received.extend(message.data for message in await reading)
                    await reported
                while len(received) < len(sent):
                    received.extend(message.data for message in await reader.read())
                assert received == sent
                reader.close()

        self.run(scenario)

    @pytest.mark.parametrize("opened_first", [True, False])
    def test_a_long_backlog_comes_in_bounded_pieces(self, *, opened_first: bool) -> None:
        megabyte = bytes(1 << 20)

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                early = log.read(log_id, Offset(0))
                await offsets_of(log, log_id, [megabyte] * 24)
                reader = early if opened_first else log.read(log_id, Offset(0))
                pieces = []
                while sum(pieces) < 24:
                    pieces.append(len(await reader.read()))
                assert max(pieces) < 24
                early.close()
                reader.close()

        self.run(scenario)

    def test_a_reader_that_is_behind_when_messages_arrive_gets_all_in_order(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"old"] * 5)
                reader = log.read(log_id, Offset(0))
                await offsets_of(log, log_id, [b"new"] * 3)
                assert [message.offset for message in await read_exactly(reader, 8)] == list(range(8))
                reader.close()

        self.run(scenario)

    def test_a_slow_reader_misses_nothing(self) -> None:
        """It falls behind the bytes kept for it in memory, and catches up from the log."""
        block = bytes(1 << 18)
        sent = [b"%02d" % number + block for number in range(64)]

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                reader = log.read(log_id, Offset(0))
                await offsets_of(log, log_id, sent[:1])
                first = await reader.read()
                for start in range(1, 64, 9):
                    await offsets_of(log, log_id, sent[start : start + 9])
                rest = await read_exactly(reader, 63)
                assert [message.data[:2] for message in [*first, *rest]] == [data[:2] for data in sent]
                assert [message.offset for message in [*first, *rest]] == list(range(64))
                reader.close()

        self.run(scenario)

    def test_what_was_reported_is_there_after_reopening(self) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.wait_s):
                log_id = LogId(self.first_id)
                async with self.opened() as log:
                    await log.create([log_id])
                    await offsets_of(log, log_id, [b"a", b"b"])
                async with self.opened() as log:
                    assert await offsets_of(log, log_id, [b"c"]) == [2]
                    reader = log.read(log_id, Offset(0))
                    assert [message.data for message in await read_exactly(reader, 3)] == [b"a", b"b", b"c"]
                    reader.close()
                    await log.delete([log_id])

        asyncio.run(main())

    def test_every_append_is_reported_once_even_when_the_log_closes(self) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.wait_s):
                log_id = LogId(self.first_id)
                async with self.opened() as log:
                    await log.create([log_id])
                    outcomes = [appended(log, log_id, b"%d" % number) for number in range(100)]
                    await log.close()
                    reported = await asyncio.gather(*outcomes)
                async with self.opened() as log:
                    for number, (offset, error) in enumerate(reported):
                        if error is None and offset is not None:
                            reader = log.read(log_id, offset)
                            assert (await reader.read())[0].data == b"%d" % number
                            reader.close()
                    await log.delete([log_id])

        asyncio.run(main())

    def test_an_append_to_a_closed_log_is_reported_as_an_error(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                pass
            await log.close()
            offset, error = await appended(log, log_id, b"late")
            assert offset is None
            assert isinstance(error, LogError)

        self.run(scenario)

    def test_a_message_over_the_limit_is_reported_as_an_error_and_the_log_goes_on(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                offset, error = await appended(log, log_id, bytes(MESSAGE_BYTES_MAX + 1))
                assert offset is None
                assert isinstance(error, LogError)
                assert await offsets_of(log, log_id, [b"next"]) == [0]

        self.run(scenario)

    def test_the_largest_message_comes_back_whole(self) -> None:
        largest = b"\x01" * (MESSAGE_BYTES_MAX - 1) + b"\x02"

        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [largest])
                reader = log.read(log_id, Offset(0))
                [message] = await reader.read()
                assert message.data == largest
                reader.close()

        self.run(scenario)

    def test_an_append_to_a_log_that_does_not_exist_is_reported_as_an_error(self) -> None:
        async def scenario(log: Log) -> None:
            offset, error = await appended(log, LogId(self.first_id + 900), b"lost")
            assert offset is None
            assert isinstance(error, LogError)

        self.run(scenario)

    def test_reading_a_log_that_does_not_exist_fails(self) -> None:
        async def scenario(log: Log) -> None:
            reader = log.read(LogId(self.first_id + 901), Offset(0))
            with pytest.raises(LogError):
                await reader.read()
            reader.close()

        self.run(scenario)

    def test_deleting_a_log_fails_its_waiting_reader(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                reader = log.read(log_id, Offset(0))
                waiting = asyncio.ensure_future(reader.read())
                assert await does_not_finish(asyncio.shield(waiting))
            with pytest.raises(LogError):
                await waiting
            reader.close()

        self.run(scenario)

    def test_closing_the_log_fails_its_waiting_readers(self) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.wait_s):
                log_id = LogId(self.first_id)
                async with self.opened() as log:
                    await log.create([log_id])
                    reader = log.read(log_id, Offset(0))
                    waiting = asyncio.ensure_future(reader.read())
                    assert await does_not_finish(asyncio.shield(waiting))
                    await log.close()
                    with pytest.raises(LogError):
                        await waiting
                async with self.opened() as log:
                    await log.delete([log_id])

        asyncio.run(main())

    def test_creating_a_log_twice_keeps_what_is_in_it(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"kept"])
                await log.create([log_id])
                assert await offsets_of(log, log_id, [b"next"]) == [1]

        self.run(scenario)

    def test_logs_are_listed_in_ascending_order_until_they_are_deleted(self) -> None:
        async def scenario(log: Log) -> None:
            ids = [LogId(self.first_id + number) for number in (2, 0, 1)]
            await log.create(ids)
            assert [log_id for log_id in await log.list() if log_id in ids] == sorted(ids)
            await log.delete(ids[:1])
            assert [log_id for log_id in await log.list() if log_id in ids] == sorted(ids[1:])
            await log.delete(ids)
            assert [log_id for log_id in await log.list() if log_id in ids] == []

        self.run(scenario)

    def test_deleting_an_absent_log_is_allowed(self) -> None:
        async def scenario(log: Log) -> None:
            await log.delete([LogId(self.first_id + 902)])

        self.run(scenario)

    def test_end_and_start_of_an_empty_log_are_zero(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                assert await log.start(log_id) == 0
                assert await log.end(log_id) == 0

        self.run(scenario)

    def test_end_is_behind_the_last_reported_append(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"a", b"b", b"c"])
                assert await log.end(log_id) == 3

        self.run(scenario)

    def test_end_and_start_of_an_absent_log_fail(self) -> None:
        async def scenario(log: Log) -> None:
            for ask in (log.start, log.end):
                with pytest.raises(LogError):
                    await ask(LogId(self.first_id + 903))

        self.run(scenario)

    def test_trimming_drops_the_beginning_and_moves_no_offset(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"a", b"b", b"c"])
                await log.trim(log_id, Offset(2))
                assert await log.start(log_id) <= 2
                reader = log.read(log_id, Offset(2))
                assert await reader.read() == [LogMessage(Offset(2), b"c")]
                assert await offsets_of(log, log_id, [b"d"]) == [3]
                reader.close()

        self.run(scenario)

    def test_trimming_everything_keeps_counting(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"a", b"b"])
                await log.trim(log_id, Offset(2))
                assert await log.end(log_id) == 2
                assert await offsets_of(log, log_id, [b"c"]) == [2]

        self.run(scenario)

    def test_reading_below_the_start_fails(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log) as log_id:
                await offsets_of(log, log_id, [b"a", b"b", b"c"])
                await log.trim(log_id, Offset(2))
                if await log.start(log_id) == 2:  # a log may trim later
                    reader = log.read(log_id, Offset(0))
                    with pytest.raises(LogError):
                        await reader.read()
                    reader.close()

        self.run(scenario)

    def test_closing_twice_is_allowed(self) -> None:
        async def scenario(log: Log) -> None:
            reader = log.read(LogId(self.first_id), Offset(0))
            reader.close()
            reader.close()
            await log.close()
            await log.close()

        self.run(scenario)

    def test_a_thousand_appends_in_flight_are_all_reported(self) -> None:
        async def scenario(log: Log) -> None:
            async with self.with_log(log, 0) as one, self.with_log(log, 1) as other:
                ones = asyncio.ensure_future(offsets_of(log, one, [b"x" * 100] * 500))
                others = asyncio.ensure_future(offsets_of(log, other, [b"y" * 100] * 500))
                assert await ones == list(range(500))
                assert await others == list(range(500))

        self.run(scenario)
