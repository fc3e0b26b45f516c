"""Batches over many partitions: each partition gets its share in one message, and those that cannot answer leave theirs undone.

AWS tells a client what was not processed rather than fail the whole; only a batch of which nothing was done is an error. A
share that timed out may still take effect, as after any other error 500; the client is told to send it again all the same.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from stator.model.errors import RetryableError, ValidationError
from stator.model.key_order import token
from stator.model.positions import LogId
from stator.model.tables import Partition, partition_for

Share = TypeVar("Share")
Answer = TypeVar("Answer")


def shares(partitions: tuple[Partition, ...], keys: Sequence[bytes]) -> dict[LogId, list[int]]:
    """Which partitions have which of the keys, by their places in `keys`."""
    places: dict[LogId, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(partition_for(partitions, token(key)).log_id, []).append(place)
    return places


def check_distinct(keys: Sequence[object]) -> None:
    """No item is in a batch twice. Raises ValidationError."""
    if len(set(keys)) < len(keys):
        raise ValidationError("Provided list of item keys contains duplicates")


async def answered(asked: Sequence[tuple[Share, "asyncio.Future[Answer]"]]) -> list[tuple[Share, Answer]]:
    """The answers of the partitions that gave one. Raises RetryableError when none did, and whatever else went wrong."""
    answers = await asyncio.gather(*(future for _, future in asked), return_exceptions=True)
    given: list[tuple[Share, Answer]] = []
    refusal: RetryableError | None = None
    for (share, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, RetryableError):
            refusal = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            given.append((share, answer))
    if refusal is not None and not given:
        raise refusal
    return given
