"""What ports/changes.py promises, as one suite for every adapter."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from stator.model.changes import ChangeMessage, ChangeProgress
from stator.model.positions import LogId, Offset
from stator.ports.changes import STATE_BYTES_MAX, ChangeAppender, Changes, ChangesError, ChangesFencedError


def progress(next_offset: int, state: str = "") -> ChangeProgress:
    return ChangeProgress(Offset(next_offset), state)


class ChangesContract(ABC):
    """Subclass per adapter. `topic` does not exist yet, and nobody has published the logs `one` and `other`."""

    wait_s = 60.0
    topic = "contract"
    one = LogId(1)
    other = LogId(2)

    @abstractmethod
    def opened(self, logs: Sequence[LogId]) -> AbstractAsyncContextManager[Changes]:
        """A process's handle, in a deployment where the logs exist."""

    @abstractmethod
    async def visible(self, topic: str, partition: int) -> list[ChangeMessage]:
        """What a consumer reads there from the first message to the present end."""

    def run(self, scenario: Callable[[Changes], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.wait_s), self.opened([self.one, self.other]) as changes:
                await scenario(changes)

        asyncio.run(main())

    def message(self, text: str, partition: int = 0) -> ChangeMessage:
        key, value = f"key of {text}".encode(), text.encode()
        return ChangeMessage(self.topic, partition, key, value, (("a", b"1"), ("b", value)))

    async def left_by(self, changes: Changes, log_id: LogId) -> ChangeProgress | None:
        """What the last appender left, as the next one finds it."""
        appender = await changes.open(log_id)
        await appender.close()
        return appender.progress

    def test_appends_are_visible_whole_and_in_order_and_leave_their_progress(self) -> None:
        async def scenario(changes: Changes) -> None:
            await changes.create(self.topic, 2)
            appender = await changes.open(self.one)
            assert appender.progress is None
            sent = [self.message(f"{number}") for number in range(40)]
            await appender.append(sent[:25], progress(3, '{"a":1}'))
            await appender.append(sent[25:], progress(4, '{"ä":2}'))
            await appender.close()
            assert await self.visible(self.topic, 0) == sent
            assert await self.visible(self.topic, 1) == []
            assert await self.left_by(changes, self.one) == progress(4, '{"ä":2}')

        self.run(scenario)

    def test_progress_can_be_made_without_messages(self) -> None:
        async def scenario(changes: Changes) -> None:
            appender = await changes.open(self.one)
            await appender.append([], progress(0, "x"))
            await appender.append([], progress(2**62, "y" * 300))
            await appender.close()
            assert await self.left_by(changes, self.one) == progress(2**62, "y" * 300)

        self.run(scenario)

    def test_an_appender_is_shut_out_by_the_next_one(self) -> None:
        async def scenario(changes: Changes) -> None:
            await changes.create(self.topic, 1)
            first = await changes.open(self.one)
            await first.append([self.message("a")], progress(1))
            second = await changes.open(self.one)
            assert second.progress == progress(1)
            with pytest.raises(ChangesFencedError):
                await first.append([self.message("never")], progress(2))
            await second.append([self.message("b")], progress(2))
            assert await self.visible(self.topic, 0) == [self.message("a"), self.message("b")]
            await first.close()
            await second.close()
            assert await self.left_by(changes, self.one) == progress(2)

        self.run(scenario)

    def test_logs_do_not_shut_each_other_out(self) -> None:
        async def scenario(changes: Changes) -> None:
            await changes.create(self.topic, 2)
            one, other = await asyncio.gather(changes.open(self.one), changes.open(self.other))
            await asyncio.gather(
                one.append([self.message("a", 0)], progress(10)), other.append([self.message("b", 1)], progress(20))
            )
            await asyncio.gather(one.close(), other.close())
            assert await self.visible(self.topic, 0) == [self.message("a", 0)]
            assert await self.visible(self.topic, 1) == [self.message("b", 1)]
            assert await self.left_by(changes, self.one) == progress(10)
            assert await self.left_by(changes, self.other) == progress(20)

        self.run(scenario)

    def test_creating_a_topic_again_leaves_it_as_it_is(self) -> None:
        async def scenario(changes: Changes) -> None:
            await asyncio.gather(changes.create(self.topic, 2), changes.create(self.topic, 2))
            appender = await changes.open(self.one)
            await appender.append([self.message("a")], progress(1))
            await appender.close()
            await changes.create(self.topic, 2)
            assert await self.visible(self.topic, 0) == [self.message("a")]

        self.run(scenario)

    def test_a_partition_is_untouched_until_something_is_appended_to_it(self) -> None:
        async def scenario(changes: Changes) -> None:
            await changes.create(self.topic, 2)
            assert await changes.untouched(self.topic, 0)
            appender = await changes.open(self.one)
            await appender.append([self.message("a")], progress(1))
            await appender.close()
            assert not await changes.untouched(self.topic, 0)
            assert await changes.untouched(self.topic, 1)

        self.run(scenario)

    def test_a_topic_nobody_made_is_an_error(self) -> None:
        async def scenario(changes: Changes) -> None:
            with pytest.raises(ChangesError):
                await changes.untouched(self.topic, 0)

        self.run(scenario)

    def test_a_state_that_would_not_be_kept_is_refused(self) -> None:
        async def scenario(changes: Changes) -> None:
            appender: ChangeAppender = await changes.open(self.one)
            with pytest.raises(ChangesError):
                await appender.append([], progress(1, "x" * (STATE_BYTES_MAX + 1)))
            await appender.close()
            assert await self.left_by(changes, self.one) is None

        self.run(scenario)
