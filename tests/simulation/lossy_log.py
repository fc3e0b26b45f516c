"""A process's handle on the shared logs, over a connection that keeps no more promises than `ports/log.py` makes.

What landed stays, in one order for all. Everything else may go wrong: an append lands late (after its process died, too), twice,
never, or before one that was sent earlier; its report says less than is true, or nothing. Readers lag, `end` is old.
"""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from random import Random

from stator.adapters.log_memory import MemoryLogStore
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage
from stator.ports.log import Report
from tests.simulation.loop import Owner, SimulatedLoop

PATIENCE_S = 1.0
"""How long an append, or a question, waits for a log that is away before it is told that its outcome is unknown."""

OVERLOADED_S = (2.0, 6.0)
"""How much longer appends take while brokers are overloaded: about as long as leaders have patience, and requests time."""

NEWS_S = 3.0
"""How long it takes at most until every broker has heard of a new log."""

REPORT_LATE_S = 1.8
"""How late a deaf process hears of an append: before it has to doubt it."""

FAULTS = ("lost", "vanished", "late", "reordered", "denied", "mute", "vague", "twice")


class LogWeather:
    """How the logs are doing, for all processes. `trouble` is the share of appends that go wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.trouble = 0.0
        self._loop = loop
        self._away_until: dict[str | LogId, float] = {}
        self._deaf_until: dict[str, float] = {}
        self._old_ends: dict[str, tuple[float, dict[LogId, Offset]]] = {}
        self._overloaded_until = 0.0
        self._born: dict[LogId, float] = {}
        self._heard_of: dict[tuple[str, LogId], float] = {}

    def tell_old_ends(self, node: str, store: MemoryLogStore, seconds: float) -> None:
        """Whom this process asks for ends does not hear the rest for a while, and answers as of now (P6)."""
        ends = {log_id: store.end(log_id) for log_id in store.ids()}
        self._old_ends[node] = self._loop.time() + seconds, ends

    def end_told(self, node: str, log_id: LogId, end: Offset) -> Offset:
        """What this process is told where the end is."""
        until, ends = self._old_ends.get(node, (0.0, {}))
        return min(end, ends.get(log_id, end)) if self._loop.time() < until else end

    def created(self, log_id: LogId) -> None:
        """A log begins, and the news spreads."""
        self._born.setdefault(log_id, self._loop.time())

    def unheard_of(self, node: str, log_id: LogId, dice: Random) -> bool:
        """Whether the brokers that this process asks have not heard of a new log yet."""
        now, born = self._loop.time(), self._born.get(log_id)
        if born is None or now - born > NEWS_S:
            return False
        if (node, log_id) not in self._heard_of:
            self._heard_of[node, log_id] = born + (dice.uniform(0.0, NEWS_S) if dice.random() < 0.2 else 0.0)
        return now < self._heard_of[node, log_id]

    def away(self, what: str | LogId, seconds: float) -> None:
        """Nothing gets through to a log, or from a process, for a while."""
        self._away_until[what] = max(self._away_until.get(what, 0.0), self._loop.time() + seconds)

    def overload(self, seconds: float) -> None:
        """Brokers take long for each append, for a while. They lose none for that."""
        self._overloaded_until = max(self._overloaded_until, self._loop.time() + seconds)

    def extra_s(self, dice: Random) -> float:
        """How much longer an append takes now."""
        return dice.uniform(*OVERLOADED_S) if self._loop.time() < self._overloaded_until else 0.0

    def clear_at(self, node: str, log_id: LogId) -> float:
        """When this process reaches this log again."""
        return max(self._away_until.get(node, 0.0), self._away_until.get(log_id, 0.0))

    def deafen(self, node: str, seconds: float) -> None:
        """A process reads nothing for a while, and hears late what became of its appends, which land as ever."""
        self._deaf_until[node] = max(self._deaf_until.get(node, 0.0), self._loop.time() + seconds)

    def deaf_for(self, node: str) -> float:
        """How long a process still reads nothing."""
        return max(0.0, self._deaf_until.get(node, 0.0) - self._loop.time())

    def clear(self) -> None:
        """All is well."""
        self.trouble = 0.0
        self._deaf_until.clear()
        self._overloaded_until = 0.0
        self._away_until.clear()
        self._old_ends.clear()


class LossyLog:
    """See `ports/log.Log`."""

    exclusive = False

    def __init__(
        self, loop: SimulatedLoop, store: MemoryLogStore, weather: LogWeather, owner: Owner, dice: Random
    ) -> None:
        self._loop = loop
        self._store = store
        self._weather = weather
        self._owner = owner
        self._dice = dice
        self._last: dict[LogId, float] = {}

    # --- appending -------------------------------------------------------------------------------------------

    def append(self, log_id: LogId, data: bytes, report: Report) -> None:
        """See `Log.append`."""
        dice, weather = self._dice, self._weather
        fault = dice.choice(FAULTS) if dice.random() < weather.trouble else ""
        now = self._loop.time()
        if self.unheard_of(log_id):
            self._report(0.001, report, None, LogError(f"log {log_id} is unknown"))
            return
        at = max(now, weather.clear_at(self._owner.name, log_id)) + dice.uniform(0.0005, 0.003)
        if at - now > PATIENCE_S and dice.random() < 0.5:
            self._report(PATIENCE_S, report, None, LogError("the log is away"))
            report = _nobody
        at += weather.extra_s(dice)
        match fault:
            case "lost":
                self._report(at - now, report, None, LogError("lost"))
                return
            case "vanished":
                return
            case "late":
                at += dice.uniform(0.1, 8.0)
            case "reordered":
                at += dice.uniform(0.002, 0.02)
            case _:
                # One connection: what was sent first arrives first.
                at = self._last[log_id] = max(at, self._last.get(log_id, 0.0) + 1e-6)
        self._loop.call_at(at, self._land, log_id, data, report, fault, context=Context())

    def _land(self, log_id: LogId, data: bytes, report: Report, fault: str) -> None:
        delay = self._dice.uniform(0.0005, 0.003)
        try:
            offset = self._store.land(log_id, data)
        except LogError as error:
            self._report(delay, report, None, error)
            return
        match fault:
            case "denied":
                self._report(delay, report, None, LogError("denied, but it is there"))
            case "mute":
                pass
            case "vague":
                self._report(delay, report, None, None)
            case _:
                self._report(delay, report, offset, None)
        if fault == "twice":
            later = self._loop.time() + self._dice.uniform(0.0, 2.0)
            self._loop.call_at(later, self._land, log_id, data, _nobody, "", context=Context())

    def _report(self, delay: float, report: Report, offset: Offset | None, error: LogError | None) -> None:
        if self.deaf_s:
            delay += self._dice.uniform(0.0, REPORT_LATE_S)
        self._loop.call_later(delay, report, offset, error, context=self._owner.context)

    # --- reading ---------------------------------------------------------------------------------------------

    def read(self, log_id: LogId, start: Offset) -> "LaggingReader":
        """See `Log.read`."""
        return LaggingReader(self, self._store, log_id, start)

    def unheard_of(self, log_id: LogId) -> bool:
        """Whether this process cannot reach a new log yet."""
        return self._weather.unheard_of(self._owner.name, log_id, self._dice)

    def way(self, log_id: LogId) -> "asyncio.Future[None]":
        """Done when an answer of the log has come here."""
        away_s = max(0.0, self._weather.clear_at(self._owner.name, log_id) - self._loop.time())
        lag_s = self._dice.uniform(0.1, 0.8) if self._dice.random() < self._weather.trouble / 4 else 0.0
        return self._loop.pause(away_s + lag_s + self._dice.uniform(0.0003, 0.002))

    @property
    def deaf_s(self) -> float:
        """How long this process still reads nothing."""
        return self._weather.deaf_for(self._owner.name)

    async def end(self, log_id: LogId) -> Offset:
        """See `Log.end`."""
        if self._weather.clear_at(self._owner.name, log_id) - self._loop.time() > PATIENCE_S:
            await self._loop.pause(PATIENCE_S)
            raise LogError("the log is away")
        if self.unheard_of(log_id):
            await self.way(log_id)
            raise LogError(f"log {log_id} is unknown")
        end = self._weather.end_told(self._owner.name, log_id, self._store.end(log_id))
        await self.way(log_id)
        return Offset(max(self._store.start(log_id), end - self._dice.choice((0, 0, 1, 3))))

    async def start(self, log_id: LogId) -> Offset:
        """See `Log.start`."""
        await self.way(log_id)
        return self._store.start(log_id)

    # --- the logs themselves ---------------------------------------------------------------------------------

    async def create(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.create`."""
        for log_id in log_ids:
            await self.way(log_id)
            self._store.create(log_id)
            self._weather.created(log_id)

    async def delete(self, log_ids: Sequence[LogId]) -> None:
        """See `Log.delete`."""
        for log_id in log_ids:
            await self.way(log_id)
            self._store.delete(log_id)

    async def list(self) -> Sequence[LogId]:
        """See `Log.list`."""
        return self._store.ids()

    async def trim(self, log_id: LogId, before: Offset) -> None:
        """See `Log.trim`."""
        await self.way(log_id)
        self._store.trim(log_id, before)

    async def close(self) -> None:
        """See `Log.close`."""


class LaggingReader:
    """See `ports/log.LogReader`. What it returns was everything some time ago."""

    def __init__(self, log: LossyLog, store: MemoryLogStore, log_id: LogId, start: Offset) -> None:
        self._log = log
        self._store = store
        self._log_id = log_id
        self._next = start

    async def read(self) -> Sequence[LogMessage]:
        """See `LogReader.read`."""
        if self._log.unheard_of(self._log_id):
            await self._log.way(self._log_id)
            raise LogError(f"log {self._log_id} is unknown")
        while True:
            if arrived := list(self._store.messages(self._log_id, self._next)):
                await self._log.way(self._log_id)
                if deaf_s := self._log.deaf_s:
                    await asyncio.sleep(deaf_s)
                self._next = Offset(arrived[-1].offset + 1)
                return arrived
            await self._store.changed(self._log_id)

    def close(self) -> None:
        """See `LogReader.close`."""


def _nobody(_offset: Offset | None, _error: LogError | None) -> None:
    """Whoever appended was told already."""
