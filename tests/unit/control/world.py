"""A whole small deployment in memory: one leader of everything, and control processes that share one catalog."""

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import msgspec

from services.control.tables import TableControl
from services.leader.server import LeaderService
from stator.adapters.identity_seeded import SeededIds
from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.peers_local import LocalPeers
from stator.adapters.view_memory import MemoryViews
from stator.model.positions import CATALOG_LOG, LogId
from stator.model.tables import Table
from stator.rules.commands import Control
from stator.runtime.catalog import Catalog
from stator.runtime.lifecycle import Tasks
from stator.runtime.partition_client import PartitionClient
from tests.virtual_time import LoopClock, run

CREATE: dict[str, Any] = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
PARTITIONS = 3


class Deployment:
    """Drive it by `ask`; the leader answers for all logs."""

    def __init__(self) -> None:
        self.store = MemoryLogStore()
        self.log = MemoryLog(self.store)
        self.clock = LoopClock()
        self.failures: list[str] = []
        self.tasks = Tasks(lambda task, error: self.failures.append(f"{task}: {error!r}"))
        self.store.create(CATALOG_LOG)
        peers = LocalPeers()
        self.leaders = LeaderService(
            "a", self.log, MemoryViews(), self.clock, SeededIds(Random(1)), self.tasks, _no_base, on_use=True
        )
        self.leaders.serve(peers)
        self.partitions = PartitionClient(peers, self)
        self.catalog = Catalog(self.leaders.partition(CATALOG_LOG).replica)
        self.controls = self.one, self.other = self.control(), self.control()

    def control(self) -> TableControl:
        return TableControl(
            self.log,
            self.catalog,
            self.partitions,
            self.clock,
            SeededIds(Random(2)),
            self.tasks,
            PARTITIONS,
            on_duty=lambda: True,
        )

    def forget_deleted(self) -> None:
        """From now on the leader forgets the partitions of tables that the catalog shows no more, as every process does."""

        def changed(before: Table | None, after: Table | None) -> None:
            for log_id in before.logs if before is not None and after is None else ():
                self.leaders.forget(log_id)

        self.catalog.watchers.append(changed)

    def leader(self, _log_id: LogId) -> str:
        return "a"

    def reader(self, _log_id: LogId) -> str:
        return "a"

    async def ask(self, operation: str, request: dict[str, Any], control: TableControl | None = None) -> dict[str, Any]:
        answer = await (control or self.one).serve(Control(operation, msgspec.json.encode(request)))
        body: dict[str, Any] = msgspec.json.decode(answer.body)
        assert answer.catalog_offset <= self.catalog.next_offset
        return body

    async def create(self, request: dict[str, Any] = CREATE, control: TableControl | None = None) -> dict[str, Any]:
        body = await self.ask("CreateTable", request, control)
        shown: dict[str, Any] = body["TableDescription"]
        return shown


async def _no_base(*_: object) -> None:
    raise AssertionError("no log here has a Base")


def play(scenario: Callable[[Deployment], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        deployment = Deployment()
        await scenario(deployment)
        assert deployment.failures == []

    run(whole())
