"""One run from one seed: tables are made, clients and faults come and go, faults end, and everything is checked."""

import asyncio
import gc
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Any, ParamSpec

import structlog

from services.control.tables import SWEEP_S
from stator.model.positions import COMMON_LOGS, LogId, Offset
from stator.model.tables import Table
from stator.runtime.catalog import Catalog
from tests.consistency import list_append
from tests.simulation import bank, rot
from tests.simulation.bank import CREATE as CREATE_BANK
from tests.simulation.bank import NAME as BANK
from tests.simulation.bank import Bank
from tests.simulation.checkers import (
    acked_in_log,
    applied_once,
    archive_equals_log,
    calm_claims,
    definitions,
    deletion,
    eventual_reads,
    expiry,
    gapless,
    index_equals_projection,
    leaders_in_place,
    linearizable_items,
    restore_equals_model,
    sessions,
    strong_reads,
    transactions_whole,
    view_equals_fold,
)
from tests.simulation.checkers.one_leader_per_epoch import Leaders
from tests.simulation.cluster import VIEW_SWEEP_S, Cluster, Node
from tests.simulation.faults import Faults
from tests.simulation.history import Told
from tests.simulation.lists import CREATE as CREATE_LISTS
from tests.simulation.lists import NAME as LISTS
from tests.simulation.lists import Lists
from tests.simulation.loop import OWNER, NothingToDoError, SimulatedLoop
from tests.simulation.sessions import Sessions
from tests.simulation.workload import Workload, create_request

P = ParamSpec("P")

LIVENESS_S = 15.0
"""How long a partition may take to answer a write once all faults have ended."""
QUIET_S = 60.0
"""How long views, indexes and archive may take to catch up."""
SETUP_S = 60.0
LASTS_S = (4.0, 8.0, 16.0)
"""How long faults go on."""
FAULTS = (20, 50)
"""How many there are."""
OVERLOAD_S = (3.0, 15.0)
"""How long brokers are overloaded at a time."""
DOOMED = "Doomed"
"""A table that is deleted while it is used."""


@dataclass
class Result:
    """What became of a seed."""

    seed: int
    problems: list[str] = field(default_factory=list)
    """Each begins with the name of what noticed it, and a colon."""
    trace: str = ""
    faults: int = 0
    moves: int = 0
    """How often leadership was handed over to the process that should have it."""
    attempts: int = 0
    simulated_s: float = 0.0
    steps: int = 0


def run_seed(seed: int, *, verbose: bool = False, registers: bool = False) -> Result:
    """Play one seed. Whatever goes wrong is in the result's problems. `registers`: ask porcupine too, which make builds."""
    gc.disable()  # to look for cycles once, afterwards, is a fifth of the time
    before = structlog.get_config()
    try:
        return _play(seed, verbose=verbose, registers=registers)
    finally:
        structlog.configure(**before)
        gc.enable()
        gc.collect()  # when all that is in no cycle is gone


def _play(seed: int, *, verbose: bool, registers: bool) -> Result:
    loop = SimulatedLoop()
    run = _Run(loop, seed, verbose=verbose, registers=registers)
    structlog.configure(
        processors=[run.logged],
        wrapper_class=structlog.make_filtering_bound_logger(0 if verbose else 40),
        cache_logger_on_first_use=False,
    )
    try:
        loop.run_until_complete(run.play())
    except NothingToDoError:
        run.result.problems.append("liveness: everybody waits for somebody")
    except Exception:  # noqa: BLE001 - a seed that breaks the simulator is to be told like any other
        run.result.problems.append(f"raised: {traceback.format_exc(limit=-3)}")
    finally:
        run.finish()
        loop.run_cleanup()
    return run.result


class _Run:
    def __init__(self, loop: SimulatedLoop, seed: int, *, verbose: bool, registers: bool) -> None:
        self.result = Result(seed)
        self._loop = loop
        self._dice = Random(seed)
        self._verbose = verbose
        self._registers = registers
        self._trace = blake2b(digest_size=16)
        self._over = False
        self._tables: list[Table] = []
        self._doomed: Table | None = None
        self._lists: Lists | None = None
        self._bank: Bank | None = None
        self._under_way: list[asyncio.Task[None]] = []

    def logged(self, _logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """A line of a service's log: errors are problems, the rest is for whoever follows one seed."""
        owner = OWNER.get()
        what = event.pop("event")
        line = f"{owner.name if owner else 'world'}: {what} {event}"
        if method in {"error", "critical"} and not self._over and not (what in rot.EVENTS and self._rot.struck):
            self.result.problems.append(f"error in the log: {line}")
        self._tell(line)
        raise structlog.DropEvent

    def _tell(self, line: str) -> None:
        if self._verbose:
            print(f"{self._loop.time():10.4f} {line}")  # noqa: T201 - the trace

    def finish(self) -> None:
        """Sum up; what the ends of processes say from now on is not part of it."""
        self._over = True
        result = self.result
        if hasattr(self, "_cluster"):
            result.problems.extend(f"task failed: {failure}" for failure in self._cluster.failures)
            result.faults = self._faults.struck + self._rot.struck
            result.moves = self._cluster.moves
            for log_id in self._cluster.store.ids():
                for message in self._cluster.store.messages(log_id, Offset(0)):
                    self._trace.update(message.data)
            told: list[object] = [*self._workload.history.attempts, *(self._lists.history if self._lists else ())]
            told += [*self._bank.transfers, *self._bank.statements] if self._bank else []
            for one in told:
                self._trace.update(repr(one).encode())
            result.attempts = len(told)
        result.problems.extend(f"callback failed: {failure}" for failure in self._loop.failures)
        result.simulated_s = self._loop.time()
        result.steps = self._loop.steps
        self._trace.update(f"{result.steps} {result.simulated_s}".encode())
        result.trace = self._trace.hexdigest()

    # --- the play --------------------------------------------------------------------------------------------

    async def play(self) -> None:
        dice = self._dice
        self._cluster = cluster = Cluster(self._loop, dice.getrandbits(64))
        self._workload = Workload(cluster, Random(dice.getrandbits(64)))
        self._faults = Faults(cluster, Random(dice.getrandbits(64)))
        self._rot = rot.Rot(cluster, Random(f"which rot {self.result.seed}"))
        self._sessions = Sessions(cluster, self._workload, Random(f"sessions {self.result.seed}"))
        self._leaders = Leaders()
        for machine in cluster.machines.values():
            cluster.start(machine)
        await self._make_tables()
        if self.result.problems or cluster.failures:
            return
        await self._disturb()
        self._faults.over = True
        cluster.heal()
        self._tell("faults are over")
        await self._answers()
        await self._bear_load()
        await self._quiet()
        await self._restores()
        await self._dropped()

    async def _make_tables(self) -> None:
        await asyncio.sleep(1.0)
        dice = self._dice
        names = [f"T{number}" for number in range(dice.choice((1, 1, 2)))]
        names += dice.choice(([], [DOOMED]))
        for name in names:
            request = create_request(name, dice.choice((1, 2)), indexed=dice.random() < 0.7)
            # Dice of its own, as below.
            if name == DOOMED and Random(f"streamed {self.result.seed}").random() < 0.5:
                request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
            if not await self._make_table(request):
                return
        others = Random(f"lists {self.result.seed}")
        if others.random() < 0.5:
            if not await self._make_table(CREATE_LISTS):
                return
            names.append(LISTS)
            if Random(f"bank {self.result.seed}").random() < 0.6:
                if not await self._make_table(CREATE_BANK):
                    return
                names.append(BANK)
        while any(self._catalog().table(name) is None for name in names):  # noqa: ASYNC110 - as others wait for it: now and then
            await asyncio.sleep(0.1)
        tables = {name: held.table for name, held in self._catalog().tables.items()}
        self._doomed = tables.pop(DOOMED, None)
        if LISTS in tables:
            self._lists = Lists(self._cluster, tables.pop(LISTS), others)
        if BANK in tables:
            assert self._lists is not None
            both = (self._lists.table, tables.pop(BANK))
            self._bank = Bank(self._cluster, both, Random(f"transfers {self.result.seed}"))
        self._tables = [table for _, table in sorted(tables.items())]

    async def _make_table(self, request: dict[str, Any]) -> bool:
        backups = {
            "TableName": request["TableName"],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        }
        for operation, body in (("CreateTable", request), ("UpdateContinuousBackups", backups)):
            deadline = self._loop.time() + SETUP_S
            while (error := await self._workload.control(operation, body)) is not None:
                if self._loop.time() > deadline:
                    self.result.problems.append(f"liveness: {operation} was not done: {error!r}")
                    return False
                await asyncio.sleep(0.5)
        return True

    def _catalog(self) -> Catalog:
        """The catalog as the first router sees it."""
        node = self._cluster.machines["router-1"].node
        assert node is not None
        return node.catalog

    async def _disturb(self) -> None:
        dice, loop = self._dice, self._loop
        lasts_s = dice.choice(LASTS_S)
        begin = loop.time()
        events: list[tuple[float, str]] = []
        events += [(dice.uniform(0, lasts_s), "operations") for _ in range(dice.randint(20, 80))]
        events += [(dice.uniform(0, lasts_s), "fault") for _ in range(dice.randint(*FAULTS))]
        events += [(dice.uniform(0, lasts_s), "check") for _ in range(6)]
        events += [(dice.uniform(0, lasts_s), "restore") for _ in range(dice.choice((0, 1, 2)))]
        if self._doomed is not None:
            events.append((dice.uniform(0, lasts_s), "drop"))
        # Dice of their own, so that seeds without them play as they always did.
        others = Random(f"define {self.result.seed}")
        events += [(others.uniform(0, lasts_s), "define") for _ in range(others.choice((0, 0, 3, 8)))]
        rots = Random(f"rot {self.result.seed}")
        events += [(rots.uniform(0, lasts_s), "rot") for _ in range(rots.choice((0, 0, 2, 5)))]
        events += [(others.uniform(0, lasts_s), "session") for _ in range(others.choice((0, 2, 5)))]
        loads = Random(f"overload {self.result.seed}")
        events += [(loads.uniform(0, lasts_s), "overload") for _ in range(loads.choice((0, 0, 1, 3)))]
        if self._lists is not None:
            draw = self._lists.dice
            events += [(draw.uniform(0, lasts_s), "transact") for _ in range(draw.choice((20, 40, 80)))]
            events += [(draw.uniform(0, lasts_s), "restore lists") for _ in range(draw.choice((0, 0, 1)))]
        if self._bank is not None:
            draw = self._bank.dice
            events += [(draw.uniform(0, lasts_s), "bank") for _ in range(draw.choice((10, 20, 50)))]
        leaders = Random(f"leaders {self.result.seed}")
        events += [
            (leaders.uniform(0, lasts_s), leaders.choice(("stop", "estrange")))
            for _ in range(leaders.choice((0, 2, 4, 8)))
        ]
        for at, what in sorted(events):
            await asyncio.sleep(max(0.0, begin + at - loop.time()))
            self._require(self._leaders.check, self._cluster)
            match what:
                case "operations":
                    for _ in range(dice.choice((1, 1, 2, 8))):
                        self._workload.issue([*self._tables, *([self._doomed] if self._doomed else [])])
                case "define":
                    self._under_way.append(loop.create_task(self._workload.redefine(others.choice(self._tables))))
                case "session":
                    self._under_way.append(loop.create_task(self._sessions.play(self._tables)))
                case "drop":
                    self._under_way.append(loop.create_task(self._workload.drop(DOOMED)))
                case "fault":
                    self._tell(f"*** {self._faults.strike()}")
                case "overload":
                    self._cluster.weather.overload(loads.uniform(*OVERLOAD_S))
                    self._tell("*** overload")
                case "rot":
                    self._tell(f"*** rot {self._rot.strike()}")
                case "transact":
                    assert self._lists is not None
                    for _ in range(self._lists.dice.choice((1, 1, 2, 6))):
                        self._lists.issue()
                case "bank":
                    assert self._bank is not None
                    for _ in range(self._bank.dice.choice((1, 1, 2, 6))):
                        self._bank.issue()
                case "restore lists":
                    assert self._lists is not None
                    work = self._ask_restore(self._lists.table, self._lists.dice)
                    self._under_way.append(loop.create_task(work))
                case "stop":
                    self._tell(f"*** stop {self._faults.stop(leaders)}")
                    self._under_way.append(loop.create_task(self._keep_busy(leaders, 20, 0.1)))
                case "estrange":
                    self._tell(f"*** estrange {self._faults.estrange(leaders)}")
                    self._under_way.append(loop.create_task(self._keep_busy(leaders, 50, 0.2)))
                case "check":
                    self._require(view_equals_fold.check, self._cluster, self._rot.excuses)
                case _:
                    work = self._ask_restore(self._dice.choice(self._tables), self._dice)
                    self._under_way.append(loop.create_task(work))
                    self._under_way.append(loop.create_task(self._keep_busy(self._dice, 50, 0.04)))

    async def _keep_busy(self, dice: Random, requests_max: int, pause_s: float) -> None:
        """Requests before, at and after something that happens now, at most so far apart."""
        draw = Random(dice.getrandbits(64))
        for _ in range(draw.randint(0, requests_max)):
            self._workload.issue(self._tables)
            await asyncio.sleep(draw.uniform(0.0, pause_s))

    # --- afterwards ------------------------------------------------------------------------------------------

    async def _answers(self) -> None:
        """Liveness: faults stop, so every partition answers a write."""
        deadline = self._loop.time() + LIVENESS_S
        todo = {partition.log_id: table for table in self._tables for partition in table.partitions}
        node = None
        while todo and self._loop.time() < deadline:
            node = self._cluster.machines["router-1"].node
            if node is None or not node.ready:
                await asyncio.sleep(0.1)
                continue
            for log_id, table in list(todo.items()):
                attempt = next(
                    made for _ in range(1000) if (made := self._workload.attempt(table, "put", self._dice)) is not None
                )
                attempt.condition = None
                if attempt.log_id != log_id and len(table.partitions) > 1 and self._lies_elsewhere(table, log_id):
                    del todo[log_id]
                    continue
                work = self._loop.create_task(
                    self._workload.carry_out(node, attempt), context=node.owner.context.copy()
                )
                await asyncio.wait([work], timeout=6.0)
                if attempt.told is Told.DONE:
                    todo.pop(attempt.log_id, None)
        if todo:
            self.result.problems.append(
                f"liveness: logs {sorted(todo)} answer no write {LIVENESS_S:.0f} s after the faults ended"
            )

    async def _bear_load(self) -> None:
        """Nothing is wrong any more, but that brokers are overloaded: leaders wait for them, and go on leading."""
        dice = Random(f"load {self.result.seed}")
        if dice.random() < 0.9:
            return
        before = calm_claims.ends(self._cluster.store)
        self._cluster.weather.overload(calm_claims.LASTS_S)
        for _ in range(round(calm_claims.LASTS_S)):
            self._workload.issue(self._tables)
            await asyncio.sleep(1.0)
        self._cluster.weather.clear()
        self._require(calm_claims.check, self._cluster.store, before)

    def _lies_elsewhere(self, table: Table, log_id: LogId) -> bool:
        """Whether none of the few items of the workload lies in a partition."""
        return all(self._workload.attempt(table, "get", Random(n)).log_id != log_id for n in range(40))

    async def _quiet(self) -> None:
        deadline = self._loop.time() + QUIET_S
        await asyncio.sleep(1.0)
        while (unsettled := next(self._unsettled(), None)) and self._loop.time() < deadline:  # noqa: ASYNC110 - now and then
            await asyncio.sleep(1.0)
        if unsettled is not None:
            self.result.problems.extend(self._unsettled())
        if self._rot.struck:
            await self._mended()
        self._require(view_equals_fold.check, self._cluster, self._rot.excuses)
        self._check_logs()
        await self._check_lists()
        await self._check_bank()

    async def _mended(self) -> None:
        """What has rotted is found at the next sweep at the latest, and made anew."""
        self._rot.healed()
        deadline = self._loop.time() + 2 * VIEW_SWEEP_S
        while self._loop.time() < deadline and any(self._rotten()):  # noqa: ASYNC110 - now and then, as above
            await asyncio.sleep(2.0)

    def _rotten(self) -> Iterator[str]:
        for name, replica in view_equals_fold.replicas(self._cluster):
            if not replica.trusted:
                yield f"{name}: view of log {replica.log_id} is being made anew"
        yield from view_equals_fold.check(self._cluster, self._rot.excuses)

    def _unsettled(self) -> Iterator[str]:
        store, objects = self._cluster.store, self._cluster.archive_objects
        exist = set(store.ids())
        for name, replica in view_equals_fold.replicas(self._cluster):
            if replica.log_id not in exist:
                yield f"liveness: {name}: keeps a view of log {replica.log_id}, which is gone"
            elif not replica.trusted:
                yield f"liveness: {name}: view of log {replica.log_id} is being made anew"
            elif replica.position.next_offset < store.end(replica.log_id):
                yield f"liveness: {name}: view of log {replica.log_id} stands at {replica.position.next_offset}"
        for table in self._tables:
            defined = self._catalog().table(table.name)
            assert defined is not None
            yield from _told(definitions.check, store, defined)
            yield from _told(expiry.left_over, store, defined, self._cluster.loop.time())
            yield from _told(index_equals_projection.check, store, objects, table)
            for partition in table.partitions:
                yield from _told(archive_equals_log.whole, store, objects, partition.log_id)
        for table in self._transactional():
            for partition in table.partitions:
                yield from _told(archive_equals_log.whole, store, objects, partition.log_id)
        for log_id in COMMON_LOGS:
            yield from _told(archive_equals_log.check, store, objects, log_id)
        yield from _told(leaders_in_place.check, self._cluster)
        # What was prepared last, while brokers were overloaded, is given up by whoever finds it some seconds later.
        yield from _told(transactions_whole.check, store, self._transactional())

    def _check_logs(self) -> None:
        store = self._cluster.store
        for log_id in store.ids():
            self._require(gapless.check, store, log_id)
        for table in self._tables:
            for partition in table.partitions:
                log_id = partition.log_id
                attempts = [one for one in self._workload.history.attempts if one.log_id == log_id]
                self._require(acked_in_log.check, store, log_id, attempts)
                self._require(applied_once.check, store, log_id)
                self._require(expiry.check, store, log_id)
                self._require(strong_reads.check, store, log_id, attempts)
                if self._registers:
                    self._require(linearizable_items.check, store, log_id, attempts)
                self._require(eventual_reads.check, store, log_id, attempts)
        if (
            not self._rot.struck
        ):  # a view that has lost an item shows an older state than the client saw, and nobody can know yet
            for session in self._sessions.all:
                self._require(sessions.check, store, session)

    def _all_tables(self) -> list[Table]:
        return [*self._tables, *self._transactional()]

    def _transactional(self) -> list[Table]:
        """Tables that only transactions write to."""
        if self._bank is not None:
            return list(self._bank.tables)
        return [self._lists.table] if self._lists is not None else []

    async def _check_lists(self) -> None:
        """Everything is read once more, and then all that was read has to fit into one order."""
        if self._lists is None:
            return
        await self._insist("lists", self._lists.read_each)
        anomalies = list_append.check(self._lists.history)
        self.result.problems.extend(f"list_append: {anomaly.name}: {anomaly.why}" for anomaly in anomalies)
        self._require(transactions_whole.check, self._cluster.store, self._transactional())

    async def _check_bank(self) -> None:
        if self._bank is None:
            return
        await self._insist("accounts", self._bank.state)
        self._require(bank.check, self._bank.statements, self._bank.transfers)

    async def _insist(self, what: str, read: Callable[[Node], Coroutine[Any, Any, object]]) -> None:
        """Have everything read once more by a router, again and again until that can be had."""
        deadline = self._loop.time() + LIVENESS_S
        had: object = None
        while not had and self._loop.time() < deadline:
            node = self._cluster.machines["router-1"].node
            if node is not None and node.ready:
                had = await self._loop.create_task(read(node), context=node.owner.context.copy())
            else:
                await asyncio.sleep(0.1)
        if not had:
            self.result.problems.append(
                f"liveness: not all {what} can be read {LIVENESS_S:.0f} s after the faults ended"
            )

    def _require(self, check: Callable[P, Iterator[str]], *args: P.args, **kwargs: P.kwargs) -> None:
        self.result.problems.extend(_told(check, *args, **kwargs))

    async def _ask_restore(self, table: Table, dice: Random) -> None:
        """Any instant, and often the newest, whose writes may be on their way."""
        earliest_us = table.backups.enabled_us
        now_us = self._cluster.machines["control-1"].clock.now_us()
        at_us = dice.choice((now_us, dice.randint(earliest_us, max(earliest_us, now_us))))
        target = f"{table.name}-at-{self._loop.time():.3f}"
        accepted = await self._workload.restore(table, target, at_us)
        self._tell(f"*** restore of {table.name} to {at_us}: accepted={accepted}")

    async def _restores(self) -> None:
        await self._ask_restore(self._dice.choice(self._tables), self._dice)
        await asyncio.gather(*self._under_way)
        history, cluster = self._workload.history, self._cluster
        deadline = self._loop.time() + QUIET_S
        for source_name, target_name, at_us in history.restores:
            while (target := self._catalog().table(target_name)) is None or target.status != "ACTIVE":
                if self._loop.time() > deadline:
                    self.result.problems.append(f"liveness: {target_name} is not restored after {QUIET_S:.0f} s")
                    return
                await asyncio.sleep(0.2)
            source = next(table for table in self._all_tables() if table.name == source_name)
            store, objects = cluster.store, cluster.archive_objects
            self._require(restore_equals_model.check, store, objects, source, target, at_us)
            self._require(index_equals_projection.check, store, objects, target)

    async def _dropped(self) -> None:
        if self._doomed is None:
            return
        # A process that dies after the catalog's entry is gone leaves the logs to the next but one look for such.
        deadline = self._loop.time() + QUIET_S + 2 * SWEEP_S
        while any(deletion.check(self._cluster.store, self._doomed, self._catalog())):
            if self._loop.time() > deadline:
                self._require(deletion.check, self._cluster.store, self._doomed, self._catalog())
                return
            await self._workload.drop(DOOMED)
            await asyncio.sleep(1.0)


def _told(check: Callable[P, Iterator[str]], *args: P.args, **kwargs: P.kwargs) -> Iterator[str]:
    """What a checker says, under the name of its module."""
    name = check.__module__.rpartition(".")[2]
    return (f"{name}: {problem}" for problem in check(*args, **kwargs))
