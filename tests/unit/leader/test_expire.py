"""The sweep of expired items: what goes, what stays, who does it, and how the log tells."""

import asyncio
import errno
from collections.abc import Iterator
from typing import Any

import pytest

from services.leader.expire import BATCH_ITEMS, PAUSE_S, ExpirySweep
from services.leader.leadership import State
from stator.adapters.view_memory import MemoryView
from stator.codec.log_records import decode_effects, decode_envelope
from stator.model.errors import OutcomeUnknownError
from stator.model.item import encode_image
from stator.model.key_order import token
from stator.model.positions import LogId, Offset
from stator.model.records import Effect, Kind
from stator.model.tables import Table, partition_for
from stator.ports.view import DerivedRow
from stator.rules.change_records import TTL_ORIGIN
from stator.rules.commands import DeleteItem, Expire, Get, PutItem, Write
from stator.rules.expiry import FORGIVEN_S
from stator.runtime.meters import Meters
from stator.runtime.metric_names import TTL_DELETED
from tests.unit.control.world import Deployment, play
from tests.unit.leader.world import LOG, World
from tests.virtual_time import run

SWEEP_S = 5.0
EXPIRE = {"TableName": "orders", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}


class Expiring:
    """A table with a time to live, and a sweep over it."""

    def __init__(self, world: Deployment) -> None:
        self.world = world
        self.meters = Meters()
        sweep = ExpirySweep(world.leaders, world.catalog, world.clock, SWEEP_S, self.meters)
        world.tasks.spawn("expiry", sweep.run())

    @property
    def table(self) -> Table:
        table = self.world.catalog.table("orders")
        assert table is not None
        return table

    @property
    def now_s(self) -> int:
        return self.world.clock.now_us() // 1_000_000

    @property
    def deleted(self) -> float:
        return self.meters.counter(TTL_DELETED, "orders").value

    def log_of(self, pk: str) -> tuple[LogId, bytes]:
        key = self.table.key.item_key({"pk": {"S": pk}})
        return partition_for(self.table.partitions, token(key)).log_id, key

    async def put(self, pk: str, until: dict[str, Any]) -> None:
        log_id, key = self.log_of(pk)
        image = encode_image({"pk": {"S": pk}, "until": until})
        await self.world.partitions.ask_leader(log_id, "write", Write(log_id, PutItem(key, image)))

    async def there(self, *pks: str) -> list[bool]:
        found = []
        for pk in pks:
            log_id, key = self.log_of(pk)
            got = await self.world.partitions.ask_leader(log_id, "get", Get(log_id, key))
            found.append(got.image is not None)
        return found

    def effects(self) -> list[Effect]:
        store = self.world.store
        messages = [message for part in self.table.partitions for message in store.messages(part.log_id, Offset(0))]
        records = [decode_envelope(message.data) for message in messages]
        return [effect for record in records if record.kind is Kind.EFFECT for effect in decode_effects(record)]


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def test_items_go_when_they_are_due_and_no_others_and_the_log_says_who_did_it() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await world.ask("UpdateTimeToLive", EXPIRE)
        now_s = expiring.now_s
        await expiring.put("past", number(now_s - 10))
        await expiring.put("soon", number(now_s + 30))
        await expiring.put("ancient", number(now_s - FORGIVEN_S - 100))
        await expiring.put("text", {"S": str(now_s - 10)})
        pks = ("past", "soon", "ancient", "text")
        assert await expiring.there(*pks) == [True, True, True, True]
        await asyncio.sleep(2 * SWEEP_S)
        assert await expiring.there(*pks) == [False, True, True, True]
        await asyncio.sleep(30)
        assert await expiring.there(*pks) == [False, False, True, True]
        removals = [effect for effect in expiring.effects() if effect.new is None]
        assert [effect.origin for effect in removals] == [TTL_ORIGIN, TTL_ORIGIN]
        assert expiring.deleted == 2

    play(scenario)


def test_what_expired_before_time_to_live_was_switched_on_goes_too() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await expiring.put("old", number(expiring.now_s - 10))
        await asyncio.sleep(2 * SWEEP_S)
        assert await expiring.there("old") == [True]
        await world.ask("UpdateTimeToLive", EXPIRE)
        await asyncio.sleep(2 * SWEEP_S)
        assert await expiring.there("old") == [False]

    play(scenario)


def test_nothing_goes_once_time_to_live_is_switched_off() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await world.ask("UpdateTimeToLive", EXPIRE)
        await expiring.put("kept", number(expiring.now_s + 3))
        await world.ask(
            "UpdateTimeToLive",
            EXPIRE | {"TimeToLiveSpecification": {"Enabled": False, "AttributeName": "until"}},
        )
        await asyncio.sleep(4 * SWEEP_S)
        assert await expiring.there("kept") == [True]

    play(scenario)


def test_more_than_a_batch_goes_in_one_sweep() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        count = 3 * (2 * BATCH_ITEMS + 10)
        for item in range(count):
            await expiring.put(f"item-{item}", number(expiring.now_s))
        await world.ask("UpdateTimeToLive", EXPIRE)
        await asyncio.sleep(2 * SWEEP_S)
        assert expiring.deleted == count
        assert sum(effect.new is None for effect in expiring.effects()) == count

    play(scenario)


@pytest.mark.parametrize("newest", [None, number(4_000_000_000), {"S": "never"}])
def test_a_stale_look_at_the_view_deletes_nothing(newest: dict[str, str] | None) -> None:
    """The deletion is decided on the item's newest state, also one that no view has yet."""

    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await world.ask("UpdateTimeToLive", EXPIRE)
        await expiring.put("x", number(expiring.now_s - 10))
        log_id, key = expiring.log_of("x")
        partition = world.leaders.partition(log_id)
        if newest is None:
            changed = partition.submit(DeleteItem(key))
        else:
            changed = partition.submit(PutItem(key, encode_image({"pk": {"S": "x"}, "until": newest})))
        outcome = await partition.submit(Expire(key, "until", expiring.now_s))
        await changed
        assert outcome.timestamp_us == 0
        assert await expiring.there("x") == [newest is not None]
        assert all(effect.origin == "" for effect in expiring.effects())

    play(scenario)


def test_a_view_from_before_the_latest_definition_deletes_nothing() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await expiring.put("x", number(expiring.now_s - 10))
        log_id, key = expiring.log_of("x")
        outcome = await world.leaders.partition(log_id).submit(Expire(key, "until", expiring.now_s))
        assert outcome.timestamp_us == 0
        assert await expiring.there("x") == [True]

    play(scenario)


class Unreadable(MemoryView):
    """Its disk fails when rows are read."""

    def rows(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Iterator[DerivedRow]:  # noqa: ARG002
        raise OSError(errno.EIO, "input/output error")


def test_a_view_that_cannot_be_read_keeps_the_sweep_from_no_other() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await world.ask("UpdateTimeToLive", EXPIRE)
        first, *others = expiring.table.partitions
        behind = next(pk for pk in map(str, range(100)) if expiring.log_of(pk)[0] == others[-1].log_id)
        await expiring.put(behind, number(expiring.now_s - 10))
        world.leaders.partition(first.log_id).replica.view = Unreadable(first.log_id)
        await asyncio.sleep(2 * SWEEP_S)
        assert expiring.deleted == 1

    play(scenario)


def test_where_partitions_are_claimed_on_use_also_one_that_nobody_uses_is_swept() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        await expiring.put("x", number(expiring.now_s - 10))
        log_id, _ = expiring.log_of("x")
        await world.ask("UpdateTimeToLive", EXPIRE)
        partition = world.leaders.partition(log_id)
        partition.resign(OutcomeUnknownError("nobody waits"))
        assert partition.state is State.FOLLOWING
        await asyncio.sleep(4 * SWEEP_S)
        assert expiring.deleted == 1

    play(scenario)


def test_a_table_that_is_deleted_during_a_sweep_is_not_opened_again() -> None:
    async def scenario(world: Deployment) -> None:
        await world.create()
        expiring = Expiring(world)
        for item in range(2 * BATCH_ITEMS):
            await expiring.put(f"item-{item}", number(expiring.now_s - 10))
        await world.ask("UpdateTimeToLive", EXPIRE)
        logs = set(expiring.table.logs)
        await asyncio.sleep(SWEEP_S + PAUSE_S / 2)
        deleted = expiring.deleted
        assert 0 < deleted < 2 * BATCH_ITEMS
        await world.ask("DeleteTable", {"TableName": "orders"})
        for log_id in logs:
            world.leaders.forget(log_id)
        await asyncio.sleep(4 * SWEEP_S)
        assert expiring.deleted == deleted
        assert not logs & world.leaders.partitions.keys()

    play(scenario)


def test_in_a_cluster_a_partition_that_somebody_else_leads_is_left_alone() -> None:
    async def scenario() -> None:
        cluster = World()
        leader, follower = cluster.process("a", on_use=False), cluster.process("b", on_use=False)
        await leader.partition.claim()
        assert leader.service.led(LOG) is leader.partition
        assert follower.service.led(LOG) is None
        await follower.partition.replica.reached(Offset(1))
        assert follower.service.led(LOG) is None
        assert cluster.kinds() == [Kind.CLAIM]

    run(scenario())
