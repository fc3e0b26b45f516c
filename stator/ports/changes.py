"""Change topics as a need: append records and the progress they stand for, both or neither.

What an implementation promises:

1. **All or nothing.** The messages of one `append` and its progress become visible together, or never.
2. **One publisher per log.** `open` shuts out every appender opened before for the same log, in any process, and
   decides its last append: `progress` is what that one left, and nothing of it can appear later.
3. **In order.** A partition of a topic holds the messages of one log's appends in the order of the calls.

So a publisher that resumes from `progress` publishes each change exactly once, whoever dies when.
"""

from collections.abc import Sequence
from typing import Protocol

from stator.model.changes import ChangeMessage, ChangeProgress
from stator.model.positions import LogId

STATE_BYTES_MAX = 4096
"""How long `ChangeProgress.state` may be: what Kafka stores beside an offset (`offset.metadata.max.bytes`)."""


class ChangesError(Exception):
    """The append may have taken place or not. Open anew: its progress tells."""


class ChangesFencedError(ChangesError):
    """Another appender has been opened for this log (or ours was silent for too long in the middle of an append)."""


class ChangeAppender(Protocol):
    """The right to publish one log's changes. One call at a time; after an error or a cancelled call, open another."""

    progress: ChangeProgress | None
    """What the log's previous appender left; None when there never was one, or too long ago."""

    async def append(self, messages: Sequence[ChangeMessage], progress: ChangeProgress) -> None:
        """Publish; there may be no messages. Raises ChangesError."""
        ...

    async def close(self) -> None:
        """Give up the resources. What was in flight is decided by the next `open`, not by this."""
        ...


class Changes(Protocol):
    """All change topics of one deployment."""

    async def create(self, topic: str, partitions: int) -> None:
        """Make a topic unless it exists. Returns when it can be appended to. Raises ChangesError."""
        ...

    async def untouched(self, topic: str, partition: int) -> bool:
        """Whether nothing was ever appended there, retained or not. Raises ChangesError."""
        ...

    async def open(self, log_id: LogId) -> ChangeAppender:
        """Become the one publisher of a log. Raises ChangesError."""
        ...

    async def close(self) -> None:
        """Give up all resources; open appenders are dead."""
        ...
