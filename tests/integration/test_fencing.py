"""Two leaders of one log on real brokers: whoever claims last leads, and what either acknowledged is in the log exactly once."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest

from services.leader.leadership import State
from services.leader.server import LeaderService
from stator.adapters.clock_system import SystemClock
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_kafka import KafkaLog
from stator.adapters.view_memory import MemoryViews
from stator.codec.log_records import decode_effects, decode_envelope
from stator.model.errors import NotLeaderError
from stator.model.item import encode_image
from stator.model.positions import LaneState, LogId, Offset
from stator.model.records import Effect, Envelope, Kind
from stator.rules.acceptance import accept
from stator.rules.commands import Expression, PutItem, UpdateItem
from stator.runtime.lifecycle import Tasks
from tests.servers import KafkaBrokers

pytestmark = pytest.mark.kafka

LOG = LogId(1)
PREFIX = "fencing-test.wal."
CLIENTS = 8
CLAIMS = 12
BETWEEN_CLAIMS_S = 0.15
COUNTER = b"counter"


class LeaderNode:
    """A leader process's part in one log, on a connection of its own."""

    def __init__(self, name: str, log: KafkaLog) -> None:
        self.failures: list[str] = []
        self.tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        self.log = log
        service = LeaderService(
            name, log, MemoryViews(), SystemClock(), SeededIds(Random(name)), self.tasks, _no_base, on_use=False
        )
        self.partition = service.partition(LOG)

    async def close(self) -> None:
        await self.tasks.close()
        await self.log.close()


async def _no_base(*_: object) -> None:
    raise AssertionError("this log has no Base")


@dataclass
class Clients:
    """They write to whoever leads; a refusal is tried again, since nothing of it took effect."""

    nodes: list[LeaderNode]
    acknowledged: list[bytes] = field(default_factory=list)
    additions: int = 0
    refusals: int = 0
    stopping: bool = False

    async def write(self, client: int) -> None:
        number = 0
        while not self.stopping:
            number += 1
            key = b"%d-%d" % (client, number)
            if await self._done(PutItem(key, encode_image({"pk": {"S": key.decode()}})), client + number):
                self.acknowledged.append(key)
            add = UpdateItem(COUNTER, {"pk": {"S": "counter"}}, Expression("ADD n :one", {}, {":one": {"N": "1"}}))
            added = await self._done(add, client + number)  # others add while we wait
            self.additions += added

    async def _done(self, command: PutItem | UpdateItem, start: int) -> bool:
        for turn in range(1_000_000):
            node = self.nodes[(start + turn) % len(self.nodes)]
            try:
                await node.partition.submit(command)
            except NotLeaderError:
                self.refusals += 1
                await asyncio.sleep(0.005)
            else:
                return True
        return False


async def accepted_records(log: KafkaLog) -> list[Envelope]:
    """What counts in the log, by R1 and R2 alone."""
    end, reader = await log.end(LOG), log.read(LOG, Offset(0))
    lane, records = LaneState(), []
    position = Offset(0)
    while position < end:
        for message in await reader.read():
            position = Offset(message.offset + 1)
            record = decode_envelope(message.data)
            after = accept(lane, record)
            if after is not None:
                lane = after
                records.append(record)
    reader.close()
    return records


def test_a_second_claim_fences_the_first_leader_in_the_middle_of_its_writes(kafka: KafkaBrokers) -> None:
    async def scenario() -> None:
        connections = [await KafkaLog.connect(kafka.bootstrap, SystemClock(), prefix=PREFIX) for _ in range(2)]
        await connections[0].create([LOG])
        nodes = [LeaderNode(name, log) for name, log in zip(("a", "b"), connections, strict=True)]
        clients = Clients(nodes)
        try:
            await nodes[0].partition.claim()
            writing = [asyncio.create_task(clients.write(number)) for number in range(CLIENTS)]
            for turn in range(CLAIMS):
                await asyncio.sleep(BETWEEN_CLAIMS_S)
                claimant = nodes[(turn + 1) % 2].partition
                assert await claimant.claim()
                assert claimant.state is State.LEADING
            clients.stopping = True
            await asyncio.gather(*writing)
            records = await accepted_records(connections[0])
            assert [node.failures for node in nodes] == [[], []]
        finally:
            for node in nodes:
                await node.close()

        effects: list[Effect] = [
            effect for record in records if record.kind is Kind.EFFECT for effect in decode_effects(record)
        ]
        times = Counter(effect.key for effect in effects)
        assert len(clients.acknowledged) > CLAIMS
        assert {key: times[key] for key in clients.acknowledged} == dict.fromkeys(clients.acknowledged, 1)
        assert times[COUNTER] == clients.additions
        assert set(times) == {COUNTER, *clients.acknowledged}
        assert clients.refusals > 0
        assert sum(record.kind is Kind.CLAIM for record in records) == CLAIMS + 1

    asyncio.run(scenario())
