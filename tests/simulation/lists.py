"""Transactions in the simulator: clients that append to lists in several partitions, and read them, all or some together.

A list tells who wrote it and in which order, so the history is evidence for `tests/consistency/list_append.py`. Like the other
clients these live in a router process, and die with it in the midst of what they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from stator.model.errors import DomainError, RequestError, ServiceUnavailableError
from stator.model.item import decode_image
from stator.model.positions import LogId
from stator.model.tables import Table
from stator.rules.commands import Expression, Get, Query, UpdateItem, Write
from tests.consistency.transactions import Append, Outcome, Read, Transaction
from tests.simulation.cluster import Cluster, Node
from tests.simulation.transacting import Place, place_of, read, some_router, transact

LISTS = tuple(f"list-{number}" for number in range(6))
VERBS = ("append to some", "append to one", "read all", "read one", "query")
WEIGHTS = (8, 3, 4, 2, 1)
NAME = "Lists"
CREATE: dict[str, Any] = {
    "TableName": NAME,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "Tags": [{"Key": "stator:partitions", "Value": "3"}],
}


@dataclass
class Lists:
    """Issues transactions on one table; `history` has what came of them."""

    cluster: Cluster
    table: Table
    dice: Random
    history: list[Transaction] = field(default_factory=list)

    def issue(self) -> None:
        """One client begins, at some router."""
        node = some_router(self.cluster, self.dice)
        if node is not None:
            play = self._play(node, Random(self.dice.getrandbits(64)))
            self.cluster.loop.call_soon(node.tasks.spawn, "client", play, context=node.owner.context)

    async def read_each(self, node: Node) -> bool:
        """A strong read of every list, so that nothing stays unseen; whether all were answered."""
        answered = [await self._read_one(node, one) for one in LISTS]
        return all(answered)

    async def _play(self, node: Node, draw: Random) -> None:
        match draw.choices(VERBS, WEIGHTS)[0]:
            case "append to some":
                await self._append(node, draw.sample(LISTS, draw.randint(2, 4)), draw)
            case "append to one":
                await self._append_plainly(node, draw.choice(LISTS))
            case "read all":
                await self._read_all(node)
            case "read one":
                await self._read_one(node, draw.choice(LISTS))
            case _:
                await self._query(node, draw.choice(self.table.partitions).log_id)

    # --- what clients do -------------------------------------------------------------------------------------

    async def _append(self, node: Node, lists: Sequence[str], draw: Random) -> None:
        number = self._begin([Append(one, len(self.history)) for one in lists])
        asked = [(self._place(one)[0], _appending(self._place(one)[1], one, number)) for one in lists]
        self._end(number, await transact(node, asked, f"token-{number}", draw))

    async def _append_plainly(self, node: Node, one: str) -> None:
        number = self._begin([Append(one, len(self.history))])
        log_id, key = self._place(one)
        try:
            message = Write(log_id, _appending(key, one, number))
            await node.partitions.ask_leader(log_id, "write", message)
        except (RequestError, ServiceUnavailableError):
            self._end(number, Outcome.FAILED)
        except DomainError:
            return
        else:
            self._end(number, Outcome.OK)

    async def _read_all(self, node: Node) -> None:
        number = self._begin([Read(one) for one in LISTS])
        images = await read(node, [self._place(one) for one in LISTS])
        if images is None:
            self._end(number, Outcome.FAILED)
        else:
            self._end(number, Outcome.OK, [Read(one, _values(image)) for one, image in zip(LISTS, images, strict=True)])

    async def _read_one(self, node: Node, one: str) -> bool:
        number = self._begin([Read(one)])
        log_id, key = self._place(one)
        try:
            got = await node.partitions.ask_leader(log_id, "get", Get(log_id, key))
        except DomainError:
            self._end(number, Outcome.FAILED)
            return False
        self._end(number, Outcome.OK, [Read(one, _values(got.image))])
        return True

    async def _query(self, node: Node, log_id: LogId) -> None:
        """A page promises each of its items, and not that all are of one moment."""
        own = [one for one in LISTS if self._place(one)[0] == log_id]
        numbers = {one: self._begin([Read(one)]) for one in own}
        try:
            page = await node.partitions.ask_leader(log_id, "query", Query(log_id, b"", None, reverse=False, limit=0))
        except DomainError:
            for number in numbers.values():
                self._end(number, Outcome.FAILED)
            return
        found = {decode_image(image)["id"]["S"]: image for image in page.images}
        for one, number in numbers.items():
            self._end(number, Outcome.OK, [Read(one, _values(found.get(one)))])

    # --- what is known of it ---------------------------------------------------------------------------------

    def _begin(self, operations: Sequence[Append | Read]) -> int:
        number = len(self.history)
        now = self.cluster.loop.time()
        self.history.append(Transaction(f"T{number}", tuple(operations), now, outcome=Outcome.UNKNOWN))
        return number

    def _end(self, number: int, outcome: Outcome, heard: Sequence[Read] = ()) -> None:
        begun = self.history[number]
        operations = tuple(heard) or begun.operations
        told_at = float("inf") if outcome is Outcome.UNKNOWN else self.cluster.loop.time()
        self.history[number] = replace(begun, operations=operations, told_at=told_at, outcome=outcome)

    def _place(self, one: str) -> Place:
        return place_of(self.table, one)


def _appending(key: bytes, one: str, value: int) -> UpdateItem:
    update = Expression(
        "SET #v = list_append(if_not_exists(#v, :none), :one)",
        {"#v": "v"},
        {":none": {"L": []}, ":one": {"L": [{"N": str(value)}]}},
    )
    return UpdateItem(key, {"id": {"S": one}}, update)


def _values(image: bytes | None) -> tuple[int, ...]:
    return () if image is None else tuple(int(value["N"]) for value in decode_image(image)["v"]["L"])
