"""Items of several partitions at one moment: whatever happens between the looks, nothing is shown that never was."""

import asyncio
from collections.abc import Callable

import pytest

from services.router.transactional_reads import WAITS_S, read_together
from stator.model.errors import CancellationReason, TransactionCanceledError
from stator.model.positions import LogId
from stator.rules.transaction_messages import Look, Looks, TransactRead
from tests.virtual_time import LoopClock, run

CONFLICT = CancellationReason("TransactionConflict", "Transaction is ongoing for the item")
NOTHING = CancellationReason("None")
SOUGHT = [(LogId(2), b"b"), (LogId(1), b"a"), (LogId(2), b"c")]


class Partitions:
    """Two logs' items. `between` happens after each look, given how many there were."""

    def __init__(self, between: Callable[[int], None] = lambda _: None) -> None:
        self.items = {b"a": Look(b"a1", 1), b"b": Look(b"b1", 1), b"c": Look(None, 0)}
        self.deletes = {1: 0, 2: 0}
        self.asked: list[tuple[int, bool]] = []
        self._between = between

    async def look(self, message: TransactRead) -> Looks:
        items = [self.items[key] for key in message.keys]
        shown = [one if message.images else Look(None, one.version_us, one.locked) for one in items]
        looks = Looks(shown, (1, self.deletes[message.log_id]))
        self.asked.append((message.log_id, message.images))
        await asyncio.sleep(message.log_id)  # log 2's looks take longer
        self._between(len(self.asked))
        return looks

    async def read(self) -> list[bytes | None]:
        return await read_together(SOUGHT, self.look, LoopClock())


def test_what_stands_still_is_looked_at_twice_and_shown_in_order() -> None:
    async def scenario() -> None:
        partitions = Partitions()
        assert await partitions.read() == [b"b1", b"a1", None]
        assert sorted(partitions.asked[:2]) == [(1, True), (2, True)]
        assert sorted(partitions.asked[2:]) == [(1, False), (2, False)]

    run(scenario())


def test_one_partition_is_looked_at_once() -> None:
    async def scenario() -> None:
        partitions = Partitions()
        assert await read_together(SOUGHT[1:2], partitions.look, LoopClock()) == [b"a1"]
        assert partitions.asked == [(1, True)]

    run(scenario())


def test_second_looks_wait_for_the_last_of_the_first() -> None:
    """Log 1 has answered long before log 2; a transaction over both ends in between, and log 1 alone would not show it."""

    async def scenario() -> None:
        def transaction(looks: int) -> None:
            if looks == 2:
                partitions.items |= {b"a": Look(b"a2", 2), b"b": Look(b"b2", 2)}

        partitions = Partitions(transaction)
        assert await partitions.read() == [b"b2", b"a2", None]
        assert len(partitions.asked) == 8

    run(scenario())


@pytest.mark.parametrize("held", [b"b", b"c"])
def test_an_item_that_is_held_is_not_shown_until_it_is_free(held: bytes) -> None:
    async def scenario() -> None:
        def ends(looks: int) -> None:
            if looks == 6:
                partitions.items |= {b"a": Look(b"a2", 2), held: Look(b"new", 2)}

        partitions = Partitions(ends)
        partitions.items[held] = Look(partitions.items[held].image, partitions.items[held].version_us, locked=True)
        shown = await partitions.read()
        assert shown[1] == b"a2"
        assert b"new" in shown

    run(scenario())


def test_what_never_stands_still_is_a_conflict_in_its_place() -> None:
    async def scenario() -> None:
        def deleted(_: int) -> None:
            partitions.deletes[2] += 1

        partitions = Partitions(deleted)
        with pytest.raises(TransactionCanceledError) as refused:
            await partitions.read()
        assert refused.value.reasons == [NOTHING, NOTHING, CONFLICT]
        assert len(partitions.asked) == 4 * (1 + len(WAITS_S))

    run(scenario())
