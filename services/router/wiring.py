"""A router process: the HTTP front door over a cluster node."""

import asyncio
from functools import partial

from stator.adapters.change_history_kafka import KafkaChangeHistory
from stator.adapters.log_kafka_topics import log_topic
from stator.model.errors import OutcomeUnknownError
from stator.ports.peers import PeerLostError, PeerUnreachableError
from stator.rules.commands import Control, ControlAnswer, RestoreStatus, Steps
from stator.rules.reports import Report, ReportRequest
from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.settings import ClusterSettings
from stator.runtime.status_board import StatusBoard

from .accounts import Accounts
from .dispatch import Dispatch
from .routing import Surroundings
from .server import HttpServer, start_server

CONTROL_TIMEOUT_S = 30.0
STATUS_TIMEOUT_S = 1.0
REPORT_TIMEOUT_S = 2.0
"""Above the patience of a process's own checks, so that one with trouble can still tell."""
DRAIN_S = 10.0


class RouterProcess:
    """See `runtime/process.Service`."""

    http: HttpServer
    _changes: KafkaChangeHistory

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)

    async def start(self) -> None:
        """Join the cluster and listen."""
        node, settings = self._node, self._node.settings
        await node.join(archive=False)
        self._changes = await KafkaChangeHistory.connect(settings.kafka, node.log, node.clock, source_topic=log_topic)
        ask = partial(node.tasks.request, "control")
        surroundings = Surroundings(
            node.catalog,
            node.partitions,
            lambda message: ask(self._control(message)),
            lambda message: ask(self._restore_status(message)),
            self._changes,
            node.tasks,
            node.clock,
            node.ids,
            node.vitals.meters,
        )
        members = settings.members
        board = StatusBoard(node.vitals, members, self._reports, node.catalog, node.log, topics=True)
        node.vitals.status = board.status
        node.vitals.health.cares("partitions", self._leaderless)
        accounts = Accounts(node.vitals.meters, node.catalog, node.clock.monotonic)
        dispatch = Dispatch(surroundings, accounts)
        self.http = await start_server(dispatch, settings.host, settings.port, clock=node.clock, ids=node.ids)

    async def stop(self) -> None:
        """Answer what was asked, then leave."""
        if hasattr(self, "http"):
            await self.http.drain(DRAIN_S)
        await self._node.close()
        if hasattr(self, "_changes"):
            await self._changes.close()

    async def _reports(self) -> list[Report]:
        """What the other processes tell about themselves; those that are silent tell nothing."""
        node = self._node
        others = [name for name in node.settings.members if name != node.name]
        asked = [node.peers.call(name, "report", ReportRequest(), REPORT_TIMEOUT_S) for name in others]
        answers: list[Report | BaseException] = await asyncio.gather(*asked, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, Report)]

    async def _leaderless(self) -> list[str]:
        """Partitions whose requests wait: nobody has said lately that they lead it."""
        node = self._node
        if not node.membership.settled:
            return []
        return [
            f"partition {partition.log_id} of table {name} has no leader process: its writes and strong reads wait"
            for name, held in node.catalog.tables.items()
            if held.table.status == "ACTIVE"
            for partition in held.table.partitions
            if node.membership.leader(partition.log_id) is None
        ]

    async def _restore_status(self, message: RestoreStatus) -> Steps:
        """Whoever is at work on it knows."""
        best = Steps(0, 0)
        for name in self._node.membership.alive("restore"):
            steps: Steps = await self._node.peers.call(name, "restore_status", message, STATUS_TIMEOUT_S)
            best = max(best, steps, key=lambda known: known.total)
        return best

    async def _control(self, message: Control) -> ControlAnswer:
        """Ask the control processes one after the other; only one that certainly did nothing is passed over."""
        node = self._node
        deadline = node.clock.monotonic() + CONTROL_TIMEOUT_S
        while True:
            for name in node.membership.alive("control"):
                try:
                    answer: ControlAnswer = await node.peers.call(name, "control", message, CONTROL_TIMEOUT_S)
                except PeerUnreachableError:
                    continue
                except (PeerLostError, TimeoutError) as error:
                    raise OutcomeUnknownError("The operation was not completed in time") from error
                return answer
            if node.clock.monotonic() >= deadline:
                raise OutcomeUnknownError("No control process answers")
            await node.clock.sleep(0.1)
