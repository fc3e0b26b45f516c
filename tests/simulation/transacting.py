"""How a client of the simulator asks for transactions: as an SDK does it, and as an application that goes on trying."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

from services.router.coordinator import Coordinator
from services.router.transactional_reads import read_together
from stator.model.errors import DomainError, RequestError, ServiceUnavailableError, TransactionInProgressError
from stator.model.key_order import token
from stator.model.positions import LogId
from stator.model.tables import Table, partition_for
from stator.rules.transaction_messages import Action, Transact, TransactRead
from tests.consistency.transactions import Outcome
from tests.simulation.cluster import Cluster, Node

TRIES = 3
HASH = bytes(range(16))
"""Whoever sends a token again sends the same request."""

Place = tuple[LogId, bytes]


def place_of(table: Table, item_id: str) -> Place:
    """The log and the key of an item."""
    key = table.key.item_key({"id": {"S": item_id}})
    return partition_for(table.partitions, token(key)).log_id, key


def some_router(cluster: Cluster, dice: Random) -> Node | None:
    """A router that takes requests, if there is one."""
    nodes = [machine.node for machine in cluster.of_role("router") if machine.running]
    able = [node for node in nodes if node is not None and node.ready]
    return dice.choice(able) if able else None


async def transact(node: Node, asked: Sequence[tuple[LogId, Action]], client_token: str, draw: Random) -> Outcome:
    """Ask for a transaction; after an answer that settles nothing, for the same again with the same token."""
    unknown = False
    log_ids = {log_id for log_id, _ in asked}
    for _ in range(TRIES):
        try:
            if len(log_ids) > 1:
                await Coordinator(node.partitions, node.ids).transact(asked, client_token, HASH)
            else:
                message = Transact(asked[0][0], [action for _, action in asked], client_token, HASH)
                await node.partitions.ask_leader(asked[0][0], "transact", message)
        except (TransactionInProgressError, ServiceUnavailableError):
            pass
        except RequestError:
            return Outcome.UNKNOWN if unknown else Outcome.FAILED
        except DomainError:
            unknown = True
        else:
            return Outcome.OK
        await asyncio.sleep(draw.uniform(0.05, 1.0))
    return Outcome.UNKNOWN


async def read(node: Node, places: Sequence[Place]) -> list[bytes | None] | None:
    """The images of items as they were at one moment, or nothing if that could not be had."""

    def look(message: TransactRead) -> "asyncio.Future[Any]":
        return node.partitions.ask_leader(LogId(message.log_id), "transact_read", message)

    try:
        return await read_together(places, look, node.clock)
    except DomainError:
        return None
