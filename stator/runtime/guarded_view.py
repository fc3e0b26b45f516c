"""A view for those who answer requests from it: what does not check is told to its replica, and the asker goes elsewhere.

Not to break: the replica hears of it in a turn of the loop of its own, for a leader then resigns, and must not do so in the middle
of deciding.
"""

import asyncio
from collections.abc import Callable, Generator

from stator.model.errors import DamagedDataError, NotLeaderError
from stator.model.positions import LogPosition
from stator.ports.view import DerivedRow, ItemReader, StoredItem
from stator.rules.request_tokens import Carried


class GuardedView:
    """An `ItemReader` over one that raises DamagedDataError: instead it raises NotLeaderError. `distrust`: the replica's."""

    def __init__(self, view: ItemReader, distrust: Callable[[DamagedDataError], None]) -> None:
        self._view = view
        self._distrust = distrust

    @property
    def position(self) -> LogPosition:
        """See `ItemReader.position`."""
        return self._view.position

    def get(self, key: bytes) -> StoredItem | None:
        """See `ItemReader.get`."""
        try:
            return self._view.get(key)
        except DamagedDataError as error:
            raise self._told(error) from error

    def scan(
        self, low: bytes, high: bytes | None, *, reverse: bool = False
    ) -> Generator[tuple[bytes, StoredItem], None, None]:
        """See `ItemReader.scan`."""
        try:
            yield from self._view.scan(low, high, reverse=reverse)
        except DamagedDataError as error:
            raise self._told(error) from error

    def rows(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Generator[DerivedRow, None, None]:
        """See `ItemReader.rows`."""
        try:
            yield from self._view.rows(low, high, reverse=reverse)
        except DamagedDataError as error:
            raise self._told(error) from error

    def carried(self, token: bytes) -> Carried | None:
        """See `ItemReader.carried`."""
        try:
            return self._view.carried(token)
        except DamagedDataError as error:
            raise self._told(error) from error

    def _told(self, error: DamagedDataError) -> NotLeaderError:
        asyncio.get_running_loop().call_soon(self._distrust, error)
        return NotLeaderError(None)
