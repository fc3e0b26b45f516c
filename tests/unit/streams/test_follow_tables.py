"""Which logs a process publishes, on memory adapters."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from services.streams.follow_tables import LOOK_S, FollowTables
from stator.adapters.changes_memory import MemoryChanges, MemoryChangeStore
from stator.adapters.clock_manual import ManualClock
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryViews
from stator.codec.catalog_entries import Entry, deleted_name, encode_entry, table_key
from stator.codec.change_topics import topic_name
from stator.model.positions import CATALOG_LOG, TimestampUs
from stator.model.records import Effect
from stator.model.tables import STREAM_RETENTION_US, EndedStream, Stream, Table
from stator.rules.placement import preference
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.replica import Replica
from tests.unit.streams.writing import LogWriter, effect, table

STREAM = Stream("NEW_IMAGE", "2026-11-21T08:00:00.000")
LOGS = tuple(range(1, 9))
TABLE = table(*LOGS, stream=STREAM)


class World:
    """Logs, topics and processes. The test says who is alive; a process's own tasks show what it follows."""

    def __init__(self) -> None:
        self.logs = MemoryLogStore()
        self.entry: bytes | None = None
        self.topics = MemoryChangeStore()
        self.clock = ManualClock()
        self.alive: list[str] = []
        self.writers = {log_id: LogWriter(log_id) for log_id in (CATALOG_LOG, *LOGS)}
        for writer in self.writers.values():
            self.logs.create(writer.log_id)
            self.logs.land(writer.log_id, writer.claim())
        self._processes: list[Tasks] = []

    def define(self, definition: Table) -> None:
        for log_id in LOGS:
            self.logs.land(self.writers[log_id].log_id, self.writers[log_id].define(definition))

    def enter(self, definition: Table | None) -> None:
        """Set the table's entry in the catalog."""
        image = None if definition is None else encode_entry(Entry(table=definition))
        change = Effect(table_key(TABLE.name), self.entry, image, TimestampUs(1))
        self.entry = image
        self.logs.land(CATALOG_LOG, self.writers[CATALOG_LOG].effects([change]))

    def keep(self, deleted: Table) -> None:
        """Enter it among the deleted tables."""
        change = Effect(
            table_key(deleted_name(deleted.table_id)), None, encode_entry(Entry(deleted=deleted)), TimestampUs(1)
        )
        self.logs.land(CATALOG_LOG, self.writers[CATALOG_LOG].effects([change]))

    def change(self) -> None:
        for log_id in LOGS:
            written = self.writers[log_id].effects([effect(None, {"Id": {"S": "x"}})])
            self.logs.land(self.writers[log_id].log_id, written)

    def published(self) -> list[int]:
        topic = topic_name(TABLE.name, STREAM.label)
        return [len(self.topics.partition(topic, number)) for number in range(len(LOGS))]

    def start(self, node: str) -> Tasks:
        self.alive.append(node)
        tasks = Tasks(fail)
        log = MemoryLog(self.logs)
        replica = Replica(log, CATALOG_LOG, MemoryViews().open(CATALOG_LOG), no_base)
        tasks.spawn("catalog", replica.run())
        following = FollowTables(
            node,
            lambda: self.alive,
            Catalog(replica),
            log,
            MemoryChanges(self.topics),
            self.clock,
            SeededIds(Random(node)),
            tasks,
        )
        tasks.spawn("share-out", following.run())
        self._processes.append(tasks)
        return tasks

    async def crash(self, node: str, tasks: Tasks) -> None:
        self.alive.remove(node)
        await tasks.close()

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    def owners(self) -> dict[int, int]:
        """How often each log has been opened by a publisher."""
        return {log_id: self.topics.publisher(self.writers[log_id].log_id).generation for log_id in LOGS}

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            await scenario()
            for tasks in self._processes:
                await tasks.close()

        asyncio.run(main())


def switched_off(world: World) -> Table:
    ended = EndedStream(STREAM.view_type, STREAM.label, TimestampUs(world.clock.now_us()))
    return TABLE.evolve(stream=None, ended_streams=(ended,))


def fail(task: str, error: BaseException) -> None:
    raise AssertionError(task) from error


async def no_base(*_: object) -> None:
    raise AssertionError("a catalog has no base")


def test_a_stream_is_followed_as_soon_as_the_catalog_names_it() -> None:
    world = World()

    async def scenario() -> None:
        world.start("a")
        await world.settle()
        assert set(world.owners().values()) == {0}
        world.define(TABLE)
        world.enter(TABLE)
        world.change()
        await world.settle()
        assert world.published() == [1] * len(LOGS)

    world.run(scenario)


def test_processes_share_the_logs_and_a_survivor_takes_over() -> None:
    world = World()

    async def scenario() -> None:
        world.define(TABLE)
        world.enter(TABLE)
        world.alive.append("b")
        first = world.start("a")
        world.alive.remove("b")
        world.start("b")
        await world.settle()
        assert set(world.owners().values()) == {1}
        assert len({preference(world.writers[log_id].log_id, ["a", "b"])[0] for log_id in LOGS}) == 2
        await world.crash("a", first)
        world.change()
        world.clock.advance(LOOK_S)
        await world.settle()
        assert world.published() == [1] * len(LOGS)

    world.run(scenario)


def test_what_was_written_before_a_stream_was_switched_off_is_still_published() -> None:
    world = World()

    async def scenario() -> None:
        world.define(TABLE)
        world.enter(TABLE)
        world.start("a")
        await world.settle()
        world.enter(switched_off(world))
        await world.settle()
        world.change()
        world.define(TABLE.evolve(stream=None))
        world.change()
        await world.settle()
        assert world.published() == [1] * len(LOGS)

    world.run(scenario)


def test_who_takes_over_publishes_the_rest_of_a_stream_that_was_switched_off() -> None:
    world = World()

    async def scenario() -> None:
        world.define(TABLE)
        world.enter(TABLE)
        first = world.start("a")
        await world.settle()
        await world.crash("a", first)
        world.change()
        world.enter(switched_off(world))
        world.define(TABLE.evolve(stream=None))
        world.start("b")
        await world.settle()
        assert world.published() == [1] * len(LOGS)

    world.run(scenario)


def test_a_stream_that_ended_a_day_ago_is_not_followed_any_more() -> None:
    world = World()

    async def scenario() -> None:
        world.enter(switched_off(world))
        world.clock.advance(STREAM_RETENTION_US / 1e6)
        world.start("a")
        await world.settle()
        assert set(world.owners().values()) == {0}

    world.run(scenario)


def test_the_stream_of_a_deleted_table_is_published_to_its_end() -> None:
    world = World()

    async def scenario() -> None:
        world.define(TABLE)
        world.enter(TABLE)
        first = world.start("a")
        await world.settle()
        await world.crash("a", first)
        world.change()
        gone = switched_off(world).evolve(status="DELETING")
        world.define(gone)
        world.keep(gone)
        world.enter(None)
        world.start("b")
        await world.settle()
        assert world.published() == [1] * len(LOGS)

    world.run(scenario)


def test_a_deleted_table_is_not_followed_any_more() -> None:
    world = World()

    async def scenario() -> None:
        world.define(TABLE)
        world.enter(TABLE)
        world.start("a")
        await world.settle()
        world.enter(None)
        await world.settle()
        world.change()
        await world.settle()
        assert world.published() == [0] * len(LOGS)

    world.run(scenario)
