"""A log that takes long is waited for: no request is sent away, and no Claim appended again and again, for being in a hurry."""

import asyncio

import pytest

from services.leader.leadership import State
from stator.model.errors import NotLeaderError
from stator.model.records import Kind
from stator.rules.append_patience import PATIENCE_MAX_S, PATIENCE_S
from stator.rules.lease import LEASE_S, RATE_ERROR
from tests.unit.leader.world import World, counter, image
from tests.virtual_time import run, settle

WAIT_S = LEASE_S * (1 + RATE_ERROR)
SLOW_S = 1.5 * PATIENCE_S
"""A second Claim is sent before the first is read."""
CLAIMS_MAX = 3
"""Until a leader knows that its log is slow: to lead, after its first doubt, and once more while that is on its way."""


def now() -> float:
    return asyncio.get_running_loop().time()


def test_who_waits_for_a_claim_is_not_sent_away_by_an_older_one_of_the_same_process() -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a")
        process.log.late_s = SLOW_S
        asked = process.put("x", "1")
        assert await process.partition.claim()
        assert world.kinds() == [Kind.CLAIM, Kind.CLAIM]
        await asked
        assert world.content() == {b"x": image("x", "1")}

    run(scenario())


@pytest.mark.parametrize("late_s", [SLOW_S, 0.8 * PATIENCE_MAX_S])
def test_a_log_that_is_slow_for_long_is_not_claimed_again_and_again(late_s: float) -> None:
    async def scenario() -> None:
        world = World()
        process = world.process("a", on_use=False)
        await process.partition.claim()
        process.log.late_s = late_s
        additions = []
        for _ in range(60):
            additions.append(process.add("x"))
            await asyncio.sleep(1.0)
        await asyncio.gather(*additions)
        assert world.content() == {b"x": counter("x", 60)}
        assert world.kinds().count(Kind.CLAIM) <= CLAIMS_MAX

    run(scenario())


def test_a_claim_of_its_own_that_it_never_led_by_does_not_shorten_the_wait_for_another_leaders_lease() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        await old.partition.claim()
        await old.put("x", "1")
        new.log.late_s = SLOW_S
        await new.partition.claim()
        claimed_at = now()
        assert world.kinds().count(Kind.CLAIM) == 3
        new.log.late_s = 0.0
        await new.put("x", "2")
        assert now() - claimed_at == pytest.approx(WAIT_S)

    run(scenario())


def test_a_leader_in_doubt_that_claims_twice_waits_for_no_lease_but_those_it_has_waited_for() -> None:
    async def scenario() -> None:
        world = World(by_lease=True)
        process = world.process("a", on_use=False)
        await process.partition.claim()
        process.log.late_s = 2 * SLOW_S
        first = process.add("x")
        await first
        while process.partition.state is not State.LEADING:  # noqa: ASYNC110 - that it begins to lead is told to nobody
            await asyncio.sleep(0.01)
        claimed_at = now()
        assert world.kinds().count(Kind.CLAIM) == 3
        process.log.late_s = 0.0
        await process.add("x")
        assert now() - claimed_at < WAIT_S / 2

    run(scenario())


def test_a_claim_of_who_gave_up_makes_nobody_wait_for_it_and_nobody_lead() -> None:
    async def scenario() -> None:
        world = World()
        old, new = world.process("a", on_use=False), world.process("b", on_use=False)
        old.log.late_s = 1.0
        claiming = old.partition.claim()
        await settle()
        old.partition.resign(NotLeaderError(None))
        await asyncio.sleep(2.0)
        assert (world.kinds(), claiming.result()) == ([Kind.CLAIM], False)
        assert (old.partition.state, old.partition.leader_hint) == (State.FOLLOWING, None)
        assert await new.partition.claim()
        assert (await new.put("x", "1")).timestamp_us > 0

    run(scenario())
