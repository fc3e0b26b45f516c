"""The archive as a need: named immutable objects that outlive everything else (S3, or a directory)."""

from collections.abc import Sequence
from typing import Protocol


class ObjectNotFoundError(KeyError):
    """No object of that name."""


class Archive(Protocol):
    """Put and get whole objects. A put that returned is durable and readable by everybody; a put that raised may have
    happened. Objects are never changed, except `.json` heads, which are replaced whole.

    Names are slash-separated ASCII. All calls raise OSError when the store cannot be reached.
    """

    async def put(self, name: str, data: bytes) -> None:
        """Store an object, replacing one of the same name."""
        ...

    async def get(self, name: str) -> bytes:
        """An object's bytes, or ObjectNotFoundError."""
        ...

    async def list(self, prefix: str) -> Sequence[str]:
        """Names that start with `prefix`, ascending."""
        ...

    async def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...
