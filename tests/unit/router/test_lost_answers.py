"""A transaction whose answer is lost on its way to the router: it is asked for again where leaders know it, and done once."""

import asyncio
import json
from typing import Any

from services.router.http_messages import Response
from services.router.operations.transact_write_items import transact_write_items
from services.router.routing import Router, Surroundings
from services.router.sendings import Sending
from stator.adapters.peers_local import LocalPeers
from stator.ports.peers import PeerLostError
from stator.runtime.partition_client import PartitionClient
from tests.unit.router.test_batches import Here, World
from tests.virtual_time import run


class LossyPeers(LocalPeers):
    """Carries everything out, and loses the first answer to a transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def call(self, node: str, method: str, message: Any, timeout_s: float) -> "asyncio.Future[Any]":
        answer = super().call(node, method, message, timeout_s)
        self.asked += method == "transact"
        if method != "transact" or self.asked > 1:
            return answer
        lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: lost.set_exception(PeerLostError("away")))
        return lost


async def count_up(token: str) -> tuple[int, Response, dict[str, Any]]:
    """How often a partition was asked, what the client was answered, and what there is then."""
    world, peers = World(), LossyPeers()
    world.leaders.serve(peers)
    around: Surroundings = world.surroundings
    around.partitions = PartitionClient(peers, Here())
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    request: dict[str, Any] = {"TransactItems": [{"Update": {"TableName": "Notes", "Key": {"id": {"S": "a"}}, **add}}]}
    if token:
        request["ClientRequestToken"] = token
    response = await transact_write_items(request, Router(around, Sending("")))
    return peers.asked, response, await world.get("a")


def test_with_a_token_the_router_asks_again_and_it_is_done_once() -> None:
    async def scenario() -> None:
        asked, response, found = await count_up("token")
        assert (asked, response.status) == (2, 200)
        assert found["Responses"]["Notes"] == [{"id": {"S": "a"}, "n": {"N": "1"}}]

    run(scenario())


def test_without_one_the_client_is_told_that_nobody_knows() -> None:
    async def scenario() -> None:
        asked, response, found = await count_up("")
        assert (asked, response.status) == (1, 500)
        assert json.loads(bytes(response.body))["__type"].endswith("#InternalServerError")  # type: ignore[arg-type]
        assert found["Responses"]["Notes"] == [{"id": {"S": "a"}, "n": {"N": "1"}}]

    run(scenario())
