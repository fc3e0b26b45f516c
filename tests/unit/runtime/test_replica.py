"""A view is the fold of its log, wherever the process was killed, whatever else is in the log."""

import asyncio
import errno
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryView, MemoryViewStore
from stator.codec.catalog_entries import layout_of
from stator.codec.log_records import (
    ABORT,
    COMMIT,
    DEFINE,
    PREPARE,
    encode_abort,
    encode_commit,
    encode_define,
    encode_preparation,
)
from stator.model.errors import DamagedDataError
from stator.model.positions import LogId, LogPosition, Offset, TimestampUs
from stator.model.records import Abort, Base, Commit, Kind, LogMessage, Preparation
from stator.ports.view import Change, StoredItem, ViewWriter
from stator.rules.local_rows import row_keys
from stator.rules.request_tokens import Token
from stator.runtime.replica import REOPEN_S, Replica
from tests.histories import Items, RandomLog, position_of
from tests.virtual_time import run, settle

LOG = LogId(7)


def grown(seed: int, steps: int = 80) -> RandomLog:
    log = RandomLog(LOG, random.Random(seed), stamps=True)
    log.grow(steps)
    return log


def store_of(messages: list[LogMessage]) -> MemoryLogStore:
    store = MemoryLogStore()
    store.create(LOG)
    for message in messages:
        store.land(LOG, message.data)
    return store


async def no_base(_base: Base, _view: ViewWriter, _position: LogPosition) -> None:
    raise AssertionError("there is no Base")


def replica_on(view: ViewWriter, store: MemoryLogStore | None = None) -> Replica:
    return Replica(MemoryLog(store or store_of([])), LOG, view, no_base)


def assert_is_fold(view: MemoryView, log: RandomLog) -> None:
    """Items and position are the model's at wherever the view stands."""
    at = view.position.next_offset
    expected = log.positions[at]
    assert dict(view.scan(b"", None)) == log.states[at]
    assert view.position.lanes == expected.lanes
    assert (view.position.digest, view.position.items) == (expected.digest, expected.items)
    assert (view.position.item_bytes, view.position.definition) == (expected.item_bytes, expected.definition)
    assert (view.position.timestamp_us, view.position.closed_us) == (expected.timestamp_us, expected.closed_us)
    assert view.position.prepares == expected.prepares
    assert view.layout == layout_of(expected.definition)
    for _ in view.derive() if not view.derived else ():
        pass
    rows = sorted((row, key) for key, item in log.states[at].items() for row in row_keys(view.layout, key, item.image))
    assert [(row, key) for row, key, _ in view.rows(b"", None)] == rows


@contextmanager
def following(replica: Replica) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(replica.run())
    try:
        yield task
    finally:
        task.cancel()


@pytest.mark.parametrize("seed", range(20))
def test_a_view_is_the_fold_of_its_log_in_bursts_of_any_size(seed: int) -> None:
    async def scenario() -> None:
        log, dice, view = grown(seed), random.Random(seed), MemoryView(0)
        replica = replica_on(view)
        while (at := view.position.next_offset) < log.end:
            await replica.fold(log.messages[at : at + dice.randint(1, 9)])
            assert_is_fold(view, log)

    run(scenario())


@pytest.mark.parametrize("seed", range(20))
def test_a_process_killed_anywhere_ends_at_the_same_view(seed: int) -> None:
    async def scenario() -> None:
        log, dice = grown(seed), random.Random(seed)
        logs, disk = store_of(log.messages), MemoryViewStore(undo_applies_max=100)
        for _ in range(5):
            replica = replica_on(disk.open(LOG), logs)
            with following(replica):
                await replica.reached(Offset(dice.randint(0, log.end)))
            disk.lose_applies(LOG, dice.randint(0, 3))
        replica = replica_on(disk.open(LOG), logs)
        with following(replica):
            await replica.reached(log.end)
        assert_is_fold(disk.open(LOG), log)

    run(scenario())


def test_records_that_do_not_count_are_counted() -> None:
    async def scenario() -> None:
        log, view = grown(1), MemoryView(0)
        accepted: list[Offset] = []
        replica = replica_on(view)
        replica.observers.append(lambda offset, _record: accepted.append(offset))
        await replica.fold(log.messages)
        assert replica.records_ignored == len(log.messages) - len(accepted) > 0

    run(scenario())


def test_observers_hear_of_accepted_records_in_order_once_the_view_holds_them() -> None:
    async def scenario() -> None:
        log, view = grown(2), MemoryView(0)
        replica = replica_on(view)
        heard: list[Offset] = []

        def observe(offset: Offset, _record: object) -> None:
            assert view.position.next_offset > offset
            heard.append(offset)

        replica.observers.append(observe)
        await replica.fold(log.messages)
        assert heard == sorted(set(heard))
        assert {offset for offset, _ in log.effects} <= set(heard)

    run(scenario())


def test_a_damaged_record_halts_the_replica_before_it_and_tells_who_waits() -> None:
    async def scenario() -> None:
        log, view = grown(3), MemoryView(0)
        logs = store_of(log.messages)
        broken = bytearray(log.messages[-1].data)
        broken[-1] ^= 1
        logs.land(LOG, bytes(broken))
        replica = replica_on(view, logs)
        with following(replica) as task:
            with pytest.raises(DamagedDataError):
                await replica.reached(Offset(log.end + 1))
            await settle()
            assert task.done()
        assert replica.damaged is not None
        with pytest.raises(DamagedDataError):
            await replica.reached(Offset(log.end + 1))
        assert view.position.next_offset <= log.end
        assert_is_fold(view, log)

    run(scenario())


class FullDisk(MemoryView):
    """Has no room for a while."""

    full = True

    def apply(self, changes: Sequence[Change], position: LogPosition, tokens: Sequence[Token] = ()) -> None:
        self._need_room()
        super().apply(changes, position, tokens)

    def install(self, items: Iterable[Change], position: LogPosition) -> None:
        self._need_room()
        super().install(items, position)

    def _need_room(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_waited_for_and_nothing_is_missed() -> None:
    async def scenario() -> None:
        log, view = grown(6), FullDisk(0)
        with following(replica_on(view, store_of(log.messages))) as task:
            await asyncio.sleep(30)
            assert view.position == LogPosition()
            view.full = False
            await asyncio.sleep(5)
            assert not task.done()
        assert_is_fold(view, log)
        assert view.position.next_offset == log.end

    run(scenario())


def test_a_view_that_has_drifted_from_its_log_is_found_out_by_the_next_effect_on_the_item() -> None:
    async def scenario() -> None:
        log, view = grown(5), MemoryView(0)
        replica = replica_on(view)
        last_offset, last = log.effects[-1]
        await replica.fold(log.messages[:last_offset])
        drifted = StoredItem(TimestampUs(1), b'{"never":{"S":"written"}}')
        view.apply([Change(last.key, drifted)], view.position)
        with pytest.raises(DamagedDataError, match="did not find"):
            await replica.fold(log.messages[last_offset:])

    run(scenario())


@pytest.mark.parametrize("fault", ["skipped", "of another log"])
def test_messages_that_cannot_come_next_are_damage(fault: str) -> None:
    async def scenario() -> None:
        log, view = grown(4), MemoryView(0)
        messages = log.messages[1:] if fault == "skipped" else grown_elsewhere().messages
        with pytest.raises(DamagedDataError):
            await replica_on(view).fold(messages)
        assert view.position == LogPosition()

    run(scenario())


def grown_elsewhere() -> RandomLog:
    log = RandomLog(LogId(LOG + 1), random.Random(0))
    log.grow(5)
    return log


LARGE = 2_000


async def large_view(log: RandomLog, view: MemoryView) -> Replica:
    """A replica at the end of its log, with many items that have an expiry."""
    replica = replica_on(view, store_of(log.messages))
    await replica.fold(log.messages)
    items: Items = {b"%016d" % number: StoredItem(TimestampUs(1), b'{"v":{"N":"7"}}') for number in range(LARGE)}
    view.apply([Change(key, item) for key, item in items.items()], position_of(items, view.position))
    return replica


def rows_in(view: MemoryView) -> int:
    return sum(1 for _ in view.rows(b"", None))


def test_the_first_definition_is_folded_once_all_rows_are_there_and_lets_others_work_meanwhile() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), MemoryView(0)
        log.claim()
        replica = await large_view(log, view)
        log.define(expiring=True)
        folding = asyncio.ensure_future(replica.fold(log.messages[1:]))
        turns = 0
        while not folding.done():
            assert view.position.next_offset < log.end
            turns += 1
            await asyncio.sleep(0)
        assert turns > 5
        assert view.position.next_offset == log.end
        assert (view.derived, rows_in(view)) == (True, LARGE)

    run(scenario())


def test_the_log_goes_on_while_rows_of_a_later_definition_are_derived() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), MemoryView(0)
        log.claim()
        log.define(expiring=False)
        replica = await large_view(log, view)
        log.define(expiring=True)
        log.barrier()
        await replica.fold(log.messages[2:])
        assert view.position.next_offset == log.end
        assert (view.derived, rows_in(view)) == (False, 0)
        await asyncio.sleep(1)
        assert rows_in(view) == LARGE

    run(scenario())


def test_rows_that_a_killed_process_did_not_derive_are_derived_by_the_next() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), MemoryView(0)
        log.claim()
        log.define(expiring=False)
        replica = await large_view(log, view)
        log.define(expiring=True)
        replica._log = MemoryLog(store_of(log.messages))
        with following(replica):
            await replica.reached(log.end)
        await settle()
        assert (view.derived, rows_in(view) < LARGE) == (False, True)
        with following(replica_on(view, store_of(log.messages))):
            await asyncio.sleep(1)
        assert rows_in(view) == LARGE

    run(scenario())


def test_definitions_in_quick_succession_end_with_the_rows_of_the_last() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), MemoryView(0)
        log.claim()
        log.define(expiring=False)
        replica = await large_view(log, view)
        for expiring in (True, False, True, False):
            log.define(expiring=expiring)
            await replica.fold(log.messages[-1:])
            await asyncio.sleep(0)
        await asyncio.sleep(1)
        assert rows_in(view) == 0

    run(scenario())


class FailsOnce(MemoryView):
    """Cannot derive rows once."""

    def __init__(self, error: Exception) -> None:
        super().__init__(0)
        self._errors = [error]

    def derive(self) -> Iterator[None]:
        if any(self.scan(b"", None)) and self._errors:
            raise self._errors.pop()
        yield from super().derive()


def test_a_view_whose_rows_cannot_be_derived_is_made_anew() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), FailsOnce(DamagedDataError("a stored item is cut"))
        log.claim()
        log.define(expiring=False)
        log.grow(20)
        log.define(expiring=True)
        replica = replica_on(view, store_of(log.messages))
        told: list[DamagedDataError] = []
        replica.on_damage.append(told.append)
        with following(replica):
            await asyncio.sleep(1)
            assert (len(told), replica.rebuilds, replica.trusted) == (1, 1, True)
            assert_is_fold(view, log)

    run(scenario())


def test_a_bug_in_deriving_rows_ends_the_task_that_follows_the_log() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), FailsOnce(LookupError("a bug"))
        log.claim()
        log.define(expiring=False)
        replica = await large_view(log, view)
        log.define(expiring=True)
        await replica.fold(log.messages[2:])
        await asyncio.sleep(1)
        log.barrier()
        with pytest.raises(LookupError, match="a bug"):
            await replica.fold(log.messages[-1:])

    run(scenario())


def test_rows_are_derived_once_a_full_disk_has_room_again() -> None:
    async def scenario() -> None:
        log, view = RandomLog(LOG, random.Random(8)), FailsOnce(OSError(errno.ENOSPC, "no space"))
        log.claim()
        log.define(expiring=False)
        replica = await large_view(log, view)
        log.define(expiring=True)
        await replica.fold(log.messages[2:])
        await asyncio.sleep(2 * REOPEN_S)
        assert (view.derived, rows_in(view)) == (True, LARGE)

    run(scenario())


def test_a_definition_that_is_none_halts_the_replica() -> None:
    async def scenario() -> None:
        log = grown(1, steps=3)
        raw = log._leader.record(LOG, Kind.DEFINE, log.now_us + 1, encode_define(b"\0"), DEFINE)
        log._accepted(raw)
        replica = replica_on(MemoryView(0))
        with pytest.raises(DamagedDataError, match="definition"):
            await replica.fold(log.messages)
        assert replica.position.next_offset == log.end - 1

    run(scenario())


@pytest.mark.parametrize("prepared_us", [1_001, 1])
def test_the_end_of_a_transaction_that_is_not_open_halts_the_replica(prepared_us: int) -> None:
    async def scenario() -> None:
        log = RandomLog(LOG, random.Random(1))
        log.claim()
        for kind, payload, schema in [
            (Kind.PREPARE, encode_preparation(Preparation(b"t", (), "", TimestampUs(1_001), (), ())), PREPARE),
            (Kind.ABORT, encode_abort(Abort(b"t", TimestampUs(prepared_us))), ABORT),
            (Kind.COMMIT, encode_commit(Commit(b"t", TimestampUs(1_001), TimestampUs(1_002), ())), COMMIT),
        ]:
            log._accepted(log._leader.record(LOG, kind, log.now_us, payload, schema))
        view = MemoryView(0)
        with pytest.raises(DamagedDataError, match="not open"):
            await replica_on(view).fold(log.messages)

    run(scenario())


def based_log(items: Items) -> tuple[RandomLog, Base]:
    log = RandomLog(LOG, random.Random(5))
    base = Base("snapshots/x.snap", bytes(32), position_of(items, LogPosition()).digest, TimestampUs(1_500))
    log.begin_with_base(base, items)
    log.grow(30)
    return log, base


def based_items() -> Items:
    source = grown(6)
    return next(state for state in reversed(source.states) if len(state) > 2)


@pytest.mark.parametrize("lives", [1, 6])
def test_a_log_that_starts_with_a_base_starts_with_its_items_also_when_killed_meanwhile(lives: int) -> None:
    async def scenario() -> None:
        items = based_items()
        log, base = based_log(items)
        logs, disk, dice = store_of(log.messages), MemoryViewStore(undo_applies_max=100), random.Random(lives)

        async def install(found: Base, view: ViewWriter, position: LogPosition) -> None:
            assert found == base
            await asyncio.sleep(1)
            view.install((Change(key, item) for key, item in items.items()), position_of(items, position))

        for life in range(lives):
            replica = Replica(MemoryLog(logs), LOG, disk.open(LOG), install)
            with following(replica):
                if life == lives - 1:
                    await replica.reached(log.end)
                else:
                    await asyncio.sleep(dice.uniform(0, 1.5))
        assert_is_fold(disk.open(LOG), log)
        assert disk.open(LOG).position.base == base.snapshot_object

    run(scenario())


def test_a_base_with_another_digest_halts_the_replica() -> None:
    async def scenario() -> None:
        log, _ = based_log(based_items())

        async def install(_base: Base, view: ViewWriter, position: LogPosition) -> None:
            view.install((), position)

        replica = Replica(MemoryLog(store_of(log.messages)), LOG, MemoryView(0), install)
        with following(replica), pytest.raises(DamagedDataError, match="digest"):
            await replica.reached(log.end)

    run(scenario())
