"""Who lives and who leads, from heartbeats alone."""

import asyncio

from stator.adapters.peers_memory import Deliver, MemoryNetwork
from stator.model.positions import LogId
from stator.runtime.lifecycle import Tasks
from stator.runtime.membership import ASK_S, HEARTBEAT_S, MISSED_S, SUSPECT_S, Hearsay, Membership
from tests.virtual_time import LoopClock, run

MEMBERS = {"leader-1": "leader", "leader-2": "leader", "router-1": "router"}
LEADERS = ["leader-1", "leader-2"]
LOG = LogId(4)
HEARD_S = 2 * HEARTBEAT_S


class DrowsyClock(LoopClock):
    """Of a process that is frozen the next time it sleeps."""

    oversleeps_s = 0.0

    async def sleep(self, seconds: float) -> None:
        late_s, self.oversleeps_s = self.oversleeps_s, 0.0
        await super().sleep(seconds + late_s)


class Town:
    """All members, each with its own picture."""

    def __init__(self) -> None:
        self.cut: set[frozenset[str]] = set()
        self.network = MemoryNetwork(self._carry)
        self.failures: list[str] = []
        self.leads: dict[str, dict[int, int]] = {name: {} for name in MEMBERS}
        self.tasks: dict[str, Tasks] = {}
        self.clocks: dict[str, DrowsyClock] = {}
        self.pictures = {name: self.start(name) for name in MEMBERS}

    def start(self, name: str) -> Membership:
        self.tasks[name] = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        self.clocks[name] = DrowsyClock()
        picture = Membership(name, MEMBERS, self.network.join(name), self.clocks[name], lambda: self.leads[name])
        self.tasks[name].spawn("membership", picture.run())
        return picture

    async def stop(self, name: str) -> None:
        await self.tasks[name].close()
        await self.network.nodes[name].close()

    def _carry(self, source: str, target: str, deliver: Deliver) -> None:
        if frozenset((source, target)) not in self.cut:
            deliver()


def test_everybody_hears_of_everybody_and_a_silent_one_is_suspected() -> None:
    async def scenario() -> None:
        town = Town()
        router = town.pictures["router-1"]
        assert router.alive("leader") == []
        await asyncio.sleep(HEARD_S)
        assert router.alive("leader") == ["leader-1", "leader-2"]
        await town.stop("leader-1")
        assert router.alive("leader") == ["leader-1", "leader-2"]
        await asyncio.sleep(SUSPECT_S + HEARD_S)
        assert router.alive("leader") == ["leader-2"]
        assert town.failures == []

    run(scenario())


def test_who_left_his_address_is_missed_after_one_heartbeat_and_who_is_only_silent_is_not() -> None:
    async def scenario() -> None:
        town = Town()
        router = town.pictures["router-1"]
        await asyncio.sleep(HEARD_S)
        town.cut = {frozenset(("leader-2", "router-1"))}
        await town.stop("leader-1")
        await asyncio.sleep(MISSED_S + HEARTBEAT_S)
        assert router.alive("leader") == ["leader-2"]

    run(scenario())


def test_time_in_which_a_process_was_frozen_does_not_count_as_silence_of_the_others() -> None:
    async def scenario() -> None:
        town = Town()
        router = town.pictures["router-1"]
        await asyncio.sleep(HEARD_S)
        town.cut = {frozenset((name, "router-1")) for name in LEADERS}
        town.clocks["router-1"].oversleeps_s = 30.0
        await asyncio.sleep(30.0 + SUSPECT_S / 2)
        assert router.alive("leader") == LEADERS
        await asyncio.sleep(SUSPECT_S)
        assert router.alive("leader") == []

    run(scenario())


def test_one_always_believes_oneself_alive() -> None:
    async def scenario() -> None:
        town = Town()
        town.cut = {frozenset((one, other)) for one in MEMBERS for other in MEMBERS}
        await asyncio.sleep(2 * SUSPECT_S)
        assert town.pictures["leader-1"].alive("leader") == ["leader-1"]

    run(scenario())


def test_nobody_is_missed_before_one_has_listened_for_long_enough() -> None:
    async def scenario() -> None:
        town = Town()
        assert not town.pictures["leader-1"].settled
        await asyncio.sleep(SUSPECT_S)
        assert (town.pictures["router-1"].alive("leader"), town.pictures["router-1"].able("leader")) == (LEADERS, [])
        await asyncio.sleep(HEARD_S)
        assert town.pictures["leader-1"].settled
        assert town.pictures["router-1"].able("leader") == LEADERS

    run(scenario())


def test_the_leader_is_who_says_so_with_the_highest_epoch() -> None:
    async def scenario() -> None:
        town = Town()
        town.leads["leader-1"] = {LOG: 3}
        await asyncio.sleep(HEARD_S)
        assert {picture.leader(LOG) for picture in town.pictures.values()} == {"leader-1"}
        town.leads["leader-2"] = {LOG: 4}  # leader-1 does not know yet that it is fenced
        await asyncio.sleep(HEARD_S)
        assert {picture.leader(LOG) for picture in town.pictures.values()} == {"leader-2"}

    run(scenario())


def test_a_leader_that_leads_no_more_or_is_suspected_is_no_leader() -> None:
    async def scenario() -> None:
        town = Town()
        router = town.pictures["router-1"]
        town.leads["leader-1"] = {LOG: 3, 5: 1}
        await asyncio.sleep(HEARD_S)
        town.leads["leader-1"] = {5: 1}
        await asyncio.sleep(HEARD_S)
        assert (router.leader(LOG), router.leader(LogId(5))) == (None, "leader-1")
        await town.stop("leader-1")
        await asyncio.sleep(SUSPECT_S + HEARD_S)
        assert router.leader(LogId(5)) is None

    run(scenario())


def test_a_restarted_leader_leads_nothing_until_it_says_so() -> None:
    async def scenario() -> None:
        town = Town()
        town.leads["leader-1"] = {LOG: 3}
        await asyncio.sleep(HEARD_S)
        await town.stop("leader-1")
        town.leads["leader-1"] = {}
        town.start("leader-1")
        await asyncio.sleep(HEARD_S)
        assert town.pictures["router-1"].leader(LOG) is None

    run(scenario())


def test_the_others_are_asked_whom_they_hear() -> None:
    async def scenario() -> None:
        town = Town()
        town.leads["leader-1"] = {LOG: 3}
        town.cut = {frozenset(("leader-1", "leader-2"))}
        await asyncio.sleep(HEARD_S)
        deaf = town.pictures["leader-2"]
        assert deaf.leader(LOG) is None
        assert await deaf.hearsay([LOG, LogId(5)]) == Hearsay(frozenset({LOG}), most=True)

    run(scenario())


def test_who_does_not_answer_hears_nobody_and_costs_little_time() -> None:
    async def scenario() -> None:
        town = Town()
        town.leads["leader-1"] = {LOG: 3}
        await asyncio.sleep(HEARD_S)
        town.cut = {frozenset(("leader-2", other)) for other in ("leader-1", "router-1")}
        began = asyncio.get_running_loop().time()
        assert await town.pictures["leader-2"].hearsay([LOG]) == Hearsay(frozenset(), most=False)
        assert asyncio.get_running_loop().time() - began <= ASK_S + 0.1

    run(scenario())
