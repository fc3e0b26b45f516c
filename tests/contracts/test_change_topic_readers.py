"""The consumers behind the history of change topics, where no broker is needed to see what they do."""

import asyncio

import pytest

from stator.adapters.change_topic_readers import CONSUMERS_MAX, TopicReaders
from stator.ports.change_history import HistoryUnavailableError

WITHIN_S = 5.0


def test_consumers_that_cannot_be_made_keep_nobody_waiting() -> None:
    async def main() -> None:
        readers = TopicReaders({"bootstrap.servers": "127.0.0.1:1", "group.id": "readers", "heartbeat.interval.ms": -1})
        async with asyncio.timeout(WITHIN_S):
            for _ in range(2 * CONSUMERS_MAX):
                with pytest.raises(HistoryUnavailableError, match="topic cannot be read"):
                    await readers.use(("topic", 0), lambda reader: reader.next_offset)
        await readers.close()

    asyncio.run(main())
