"""What a disk made of a view is read by nobody: the replica hears of it, a moment later, and makes the view anew."""

import asyncio
import random
from collections.abc import Callable, Generator

import pytest
from structlog.testing import capture_logs

from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryView
from stator.model.errors import DamagedDataError, NotLeaderError
from stator.model.positions import LogId
from stator.ports.view import DerivedRow, ItemReader, StoredItem
from stator.rules.request_tokens import Carried
from stator.runtime.replica import Replica
from tests.histories import RandomLog
from tests.unit.runtime.test_replica import no_base
from tests.virtual_time import run

LOG = LogId(7)


class RottenView(MemoryView):
    """Nothing of it checks any more until it is made anew."""

    rotten = True

    def _check(self) -> None:
        if self.rotten:
            raise DamagedDataError("a stored item does not check")

    def get(self, key: bytes) -> StoredItem | None:
        self._check()
        return super().get(key)

    def scan(
        self, low: bytes, high: bytes | None, *, reverse: bool = False
    ) -> Generator[tuple[bytes, StoredItem], None, None]:
        self._check()
        yield from super().scan(low, high, reverse=reverse)

    def rows(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Generator[DerivedRow, None, None]:
        self._check()
        yield from super().rows(low, high, reverse=reverse)

    def carried(self, token: bytes) -> Carried | None:
        self._check()
        return super().carried(token)

    def discard(self) -> None:
        super().discard()
        self.rotten = False


READINGS: list[Callable[[ItemReader], object]] = [
    lambda items: items.get(b"key"),
    lambda items: list(items.scan(b"", None)),
    lambda items: list(items.rows(b"", None)),
    lambda items: items.carried(b"token"),
]


@pytest.mark.parametrize("read", READINGS)
def test_who_reads_what_does_not_check_goes_elsewhere_until_the_view_is_made_anew(
    read: Callable[[ItemReader], object],
) -> None:
    async def scenario() -> None:
        log = RandomLog(LOG, random.Random(5))
        log.grow(20)
        store, view = MemoryLogStore(), RottenView(0)
        store.create(LOG)
        for message in log.messages:
            store.land(LOG, message.data)
        view.rotten = False
        replica = Replica(MemoryLog(store), LOG, view, no_base)
        following = asyncio.create_task(replica.run())
        await replica.reached(log.end)
        view.rotten = True
        with pytest.raises(NotLeaderError):
            read(replica.items)
        assert replica.trusted  # whoever read it may be in the middle of deciding
        with capture_logs() as lines:
            await asyncio.sleep(0)
            assert not replica.trusted
            await replica.reached(log.end)
        assert [line["event"] for line in lines] == ["replica_damaged", "replica_rebuilt"]
        read(replica.items)
        following.cancel()

    run(scenario())
