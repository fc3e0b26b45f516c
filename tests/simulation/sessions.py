"""Clients who carry a position from answer to answer, through whatever router lives: what they have seen they must see again.

Unlike the other clients a session outlives the routers that it asks, and asks them as HTTP's operations do.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from services.router.http_messages import Response
from services.router.routing import Router, Surroundings
from services.router.sendings import Sending
from stator.model.item import decode_image
from stator.model.positions import LogId
from stator.model.tables import Index, Table
from stator.rules.commands import Got, Outcome, Page, Query
from tests.simulation.cluster import Cluster, Node
from tests.simulation.history import Attempt, Told
from tests.simulation.workload import Workload, command_of

STEPS = (5, 20)
ANSWER_S = 6.0
"""A router that has not answered by then is dead: it would have given up itself."""
VERBS = ("put", "delete", "get", "look", "glance")
WEIGHTS = (6, 2, 1, 8, 4)


@dataclass
class Glance:
    """What a partition of an index showed of these items: the images of the rows, by their items' ids."""

    table: Table
    index: Index
    log_id: LogId
    items: list[str]
    shown: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Session:
    """One client: what it was told, in order."""

    position: str | None = None
    steps: list[Attempt | Glance] = field(default_factory=list)


class Sessions:
    """All of a run."""

    def __init__(self, cluster: Cluster, workload: Workload, dice: Random) -> None:
        self.all: list[Session] = []
        self._cluster = cluster
        self._workload = workload
        self._dice = dice

    async def play(self, tables: list[Table]) -> None:
        """One session from its begin to its end."""
        session, draw = Session(), Random(self._dice.getrandbits(64))
        self.all.append(session)
        for _ in range(draw.randint(*STEPS)):
            await asyncio.sleep(draw.choice((0.0, 0.0, 0.02, 0.5)))
            routers = [machine.node for machine in self._cluster.of_role("router") if machine.running]
            able = [node for node in routers if node is not None and node.ready]
            if able:
                verb = draw.choices(VERBS, WEIGHTS)[0]
                await self._step(session, draw.choice(able), draw.choice(tables), verb, draw)

    async def _step(self, session: Session, node: Node, table: Table, verb: str, draw: Random) -> None:
        if verb == "glance":
            if table.indexes:
                index = draw.choice(table.indexes)
                log_id = draw.choice(index.partitions).log_id
                await self._glance(session, node, Glance(table, index, log_id, self._workload.item_ids))
            return
        attempt = self._workload.attempt(table, verb, draw)
        attempt.condition = None
        attempt.asked_at = self._cluster.loop.time()
        self._workload.history.attempts.append(attempt)

        def keep(answer: Outcome | Got) -> Response:
            if isinstance(answer, Got):
                attempt.seen = answer.image
            else:
                attempt.timestamp_us = answer.timestamp_us
            return Response(200)

        def ask(router: Router) -> "asyncio.Future[Response]":
            if attempt.writes:
                return router.write(table, command_of(attempt), keep)
            return router.get(table, attempt.key, keep, strong=verb == "get")

        response = await self._asked(session, node, attempt.token, ask)
        if response is not None and response.error != "InternalServerError":
            attempt.told = Told.FAILED if response.error else Told.DONE
            attempt.told_at = self._cluster.loop.time()
        if attempt.told is Told.DONE:
            session.steps.append(attempt)

    async def _glance(self, session: Session, node: Node, glance: Glance) -> None:
        def keep(page: Page) -> Response:
            glance.shown = {decode_image(image)["id"]["S"]: image for image in page.images}
            return Response(200)

        query = Query(glance.log_id, b"", None, reverse=False, limit=0)
        response = await self._asked(
            session, node, "", lambda router: router.query(glance.table, query, keep, strong=False)
        )
        if response is not None and not response.error:
            session.steps.append(glance)

    async def _asked(
        self, session: Session, node: Node, request_id: str, ask: Callable[[Router], "asyncio.Future[Response]"]
    ) -> Response | None:
        """What a router answers; None when it died."""
        outcome: asyncio.Future[Response] = self._cluster.loop.create_future()

        def begin() -> None:
            around = Surroundings(
                node.catalog, node.partitions, _nobody, _nobody, _nobody, node.tasks, node.clock, node.ids
            )
            answer = ask(Router(around, Sending(request_id), session.position))
            answer.add_done_callback(lambda done: outcome.done() or outcome.set_result(done.result()))

        self._cluster.loop.call_soon(begin, context=node.owner.context)
        await asyncio.wait([outcome], timeout=ANSWER_S)
        if not outcome.done():
            outcome.cancel()
            return None
        response = outcome.result()
        session.position = response.position or session.position
        return response


def _nobody(*_: Any) -> Any:
    raise AssertionError("sessions ask for items only")
