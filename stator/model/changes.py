"""What is handed to a change topic: messages, and how far into the log they bring the stream."""

from dataclasses import dataclass

from stator.model.positions import Offset


@dataclass(frozen=True, slots=True)
class ChangeMessage:
    """One message for one partition of a topic."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ChangeProgress:
    """Everything of a log below `next_offset` is published. `state` is what the publisher needs to go on from there."""

    next_offset: Offset
    state: str
