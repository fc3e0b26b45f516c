"""The clients: reads and writes of a few items, so that they get in one another's way, and the tables they use.

A client lives in a router process and dies with it. Every attempt carries a token of its own, which lands in the item.
"""

import asyncio
from random import Random
from typing import Any

import msgspec

from stator.model.errors import (
    ConditionalCheckFailedError,
    DomainError,
    OutcomeUnknownError,
    ServiceUnavailableError,
    TableAlreadyExistsError,
)
from stator.model.item import decode_image, encode_image
from stator.model.key_order import HASH_BYTES, after_prefix, token
from stator.model.positions import LogId
from stator.model.tables import Table, partition_for
from stator.ports.peers import PeerLostError
from stator.rules.commands import (
    Control,
    DeleteItem,
    Expression,
    Get,
    GetMany,
    LocalRead,
    PutItem,
    Query,
    UpdateItem,
    Write,
    WriteMany,
)
from tests.simulation.clock import START_US
from tests.simulation.cluster import Cluster, Machine, Node
from tests.simulation.history import EXPIRY, Attempt, History, Told, key_of

COLOURS = ("red", "green", "blue")
VERBS = ("put", "add", "delete", "get", "find", "look", "browse", "write many", "get many", "scan")
WEIGHTS = (6, 8, 3, 4, 3, 2, 2, 3, 2, 1)
LOCAL_INDEXES = {"by-token": ("tok", "S"), "by-n": ("n", "N")}
"""Every item has both attributes, so that a strong query of either finds what a strong read of the item would."""
TRIES = 3
"""Of an operation; each has a token of its own."""
SDK_TRIES = 3
"""Of one attempt, under one request id."""
SDK_PAUSE_S = 0.1
CONTROL_TIMEOUT_S = 8.0


class Workload:
    """Issues operations; `history` has what came of them."""

    def __init__(self, cluster: Cluster, dice: Random) -> None:
        self.history = History()
        self._cluster = cluster
        self._dice = dice
        self._keys = dice.randint(2, 6)
        self.item_ids = [f"item-{number}" for number in range(self._keys)]
        self._expiry_dice = Random(self._keys)

    # --- data ------------------------------------------------------------------------------------------------

    def issue(self, tables: list[Table]) -> None:
        """One client begins an operation at some router."""
        nodes = [machine.node for machine in self._cluster.of_role("router") if machine.running]
        able = [node for node in nodes if node is not None and node.ready]
        if able:
            node = self._dice.choice(able)
            table = self._dice.choice(tables)
            verb = self._dice.choices(VERBS, WEIGHTS)[0]
            draw = Random(self._dice.getrandbits(64))
            match verb:
                case "browse":
                    work = self._browse(node, table, draw)
                case "write many" | "get many" | "scan":
                    work = self._operate_many(node, table, verb, draw)
                case _:
                    work = self._operate(node, table, verb, draw)
            self._cluster.loop.call_soon(node.tasks.spawn, "client", work, context=node.owner.context)

    def attempt(self, table: Table, verb: str, draw: Random) -> Attempt:
        item_id = draw.choice(self.item_ids)
        key = table.key.item_key(key_of(item_id))
        log_id = partition_for(table.partitions, token(key)).log_id
        return Attempt(
            verb,
            log_id,
            key,
            item_id,
            token=f"{len(self.history.attempts):05d}",
            condition=draw.choice((None, None, "absent", "counted")) if verb in {"put", "add", "delete"} else None,
            wanted_n=draw.randrange(4),
            colour=draw.choice(COLOURS),
            until_s=self._until_s(),
        )

    def _until_s(self) -> int:
        draw = self._expiry_dice
        now_s = round(START_US / 1e6 + self._cluster.loop.time())
        return now_s + draw.randint(-2, 8) if draw.random() < 0.7 else 0

    async def _operate(self, node: Node, table: Table, verb: str, draw: Random) -> None:
        for _ in range(TRIES):
            attempt = self.attempt(table, verb, draw)
            await self.carry_out(node, attempt)
            if attempt.told in {Told.DONE, Told.REFUSED}:
                return
            await asyncio.sleep(draw.uniform(0.05, 0.5))
            if not _known(node, attempt.log_id):
                return

    async def carry_out(self, node: Node, attempt: Attempt) -> None:
        """Make one attempt and note what is told. A write whose outcome is unknown is asked for again under its id, as SDKs do."""
        attempt.asked_at = self._cluster.loop.time()
        self.history.attempts.append(attempt)
        for number in range(SDK_TRIES):
            if number:
                await asyncio.sleep(SDK_PAUSE_S)
                if not _known(node, attempt.log_id):
                    return
            await self._ask(node, attempt, again=number > 0)
            if attempt.told is not Told.NOTHING or not attempt.writes:
                return

    async def _ask(self, node: Node, attempt: Attempt, *, again: bool) -> None:
        now = self._cluster.loop.time
        try:
            if attempt.verb == "look":
                got = await node.partitions.ask_reader(attempt.log_id, "read_get", Get(attempt.log_id, attempt.key))
                attempt.seen = got.image
            elif attempt.verb == "get":
                got = await node.partitions.ask_leader(attempt.log_id, "get", Get(attempt.log_id, attempt.key))
                attempt.seen = got.image
            elif attempt.verb == "find":
                page = await node.partitions.ask_leader(attempt.log_id, "query", _query(attempt))
                attempt.seen = page.images[0] if page.images else None
            else:
                outcome = await node.partitions.ask_leader(
                    attempt.log_id,
                    "write",
                    Write(attempt.log_id, command_of(attempt, again=again)),
                    repeated=lambda: Write(attempt.log_id, command_of(attempt, again=True)),
                )
                attempt.timestamp_us = outcome.timestamp_us
            attempt.told = Told.DONE
        except ConditionalCheckFailedError as refusal:
            attempt.told, attempt.seen = Told.REFUSED, refusal.item
        except OutcomeUnknownError:
            return
        except ServiceUnavailableError:
            if again:
                return  # nothing came of this message, but what of the one before?
            attempt.told = Told.FAILED
        attempt.told_at = now()

    async def _operate_many(self, node: Node, table: Table, verb: str, draw: Random) -> None:
        """Several items in one message to each partition. Each counts as an attempt of its own, for only its item is promised."""
        shares: dict[LogId, dict[bytes, Attempt]] = {}
        for _ in range(20 if verb == "scan" else draw.randint(2, 5)):
            single = draw.choice(("put", "put", "delete")) if verb == "write many" else "get"
            attempt = self.attempt(table, single, draw)
            attempt.condition = None
            share = shares.setdefault(attempt.log_id, {})
            if attempt.key not in share:
                share[attempt.key] = attempt
                self.history.attempts.append(attempt)
        await asyncio.gather(
            *(self._carry_out_share(node, verb, log_id, list(share.values())) for log_id, share in shares.items())
        )

    async def _carry_out_share(self, node: Node, verb: str, log_id: LogId, share: list[Attempt]) -> None:
        now = self._cluster.loop.time
        for attempt in share:
            attempt.asked_at = now()
        try:
            match verb:
                case "write many":
                    done = await node.partitions.ask_leader(
                        log_id, "write_many", _share(log_id, share), repeated=lambda: _share(log_id, share, again=True)
                    )
                    for attempt, outcome in zip(share, done.outcomes, strict=True):
                        attempt.timestamp_us = outcome.timestamp_us
                case "get many":
                    message = GetMany(log_id, [attempt.key for attempt in share])
                    got = await node.partitions.ask_leader(log_id, "get_many", message)
                    for attempt, image in zip(share, got.images, strict=True):
                        attempt.seen = image
                case "scan":
                    whole = Query(log_id, b"", None, reverse=False, limit=0)
                    page = await node.partitions.ask_leader(log_id, "query", whole)
                    found = {decode_image(image)["id"]["S"]: image for image in page.images}
                    for attempt in share:
                        attempt.seen = found.get(attempt.item_id)
            told = Told.DONE
        except OutcomeUnknownError:
            return
        except ServiceUnavailableError:
            told = Told.FAILED
        for attempt in share:
            attempt.told, attempt.told_at = told, now()

    async def _browse(self, node: Node, table: Table, draw: Random) -> None:
        for index in table.indexes:
            log_id = draw.choice(index.partitions).log_id
            try:
                await node.partitions.ask_reader(log_id, "read_query", Query(log_id, b"", None, reverse=False, limit=0))
            except ServiceUnavailableError:
                return

    # --- tables ----------------------------------------------------------------------------------------------

    async def control(self, operation: str, request: dict[str, Any]) -> DomainError | OSError | None:
        """Have a table operation done by some control process; None when it was."""
        routers = [machine for machine in self._cluster.of_role("router") if machine.running]
        controls: list[Machine] = [machine for machine in self._cluster.of_role("control") if machine.running]
        if not routers or not controls:
            return PeerLostError("nobody is there")
        node, target = self._dice.choice(routers).node, self._dice.choice(controls)
        if node is None or not node.ready:
            return PeerLostError("nobody is there yet")
        outcome: asyncio.Future[Any] = self._cluster.loop.create_future()

        def call(router: Node) -> None:
            message = Control(operation, msgspec.json.encode(request))
            answer = router.peers.call(target.name, "control", message, CONTROL_TIMEOUT_S)
            answer.add_done_callback(lambda done: outcome.done() or outcome.set_result(done.exception()))

        self._cluster.loop.call_soon(call, node, context=node.owner.context)
        await asyncio.wait([outcome], timeout=CONTROL_TIMEOUT_S + 1)
        if not outcome.done():
            return TimeoutError("nobody answered")
        error: DomainError | OSError | None = outcome.result()
        return error

    async def restore(self, source: Table, target: str, at_us: int) -> bool:
        """Ask for a restore; True when it was accepted."""
        request = {"SourceTableName": source.name, "TargetTableName": target, "RestoreDateTime": at_us / 1_000_000}
        error = await self.control("RestoreTableToPointInTime", request)
        if error is None or isinstance(error, TableAlreadyExistsError):
            self.history.restores.append((source.name, target, at_us))
            return True
        return False

    async def redefine(self, table: Table) -> None:
        """Ask once for a change that the table's logs must know of; it may be one that changes nothing."""
        enabled = self._expiry_dice.random() < 0.7
        await self._expiry_dice.choice((self._expire, self._stream))(table.name, enabled)

    async def _expire(self, name: str, enabled: bool) -> None:
        wanted = {"Enabled": enabled, "AttributeName": EXPIRY}
        await self.control("UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": wanted})

    async def _stream(self, name: str, enabled: bool) -> None:
        wanted = {"StreamEnabled": enabled, **({"StreamViewType": "KEYS_ONLY"} if enabled else {})}
        await self.control("UpdateTable", {"TableName": name, "StreamSpecification": wanted})

    async def drop(self, name: str) -> None:
        """Ask once for a table's deletion."""
        await self.control("DeleteTable", {"TableName": name})


def _known(node: Node, log_id: LogId) -> bool:
    """Whether any table has that log. A router passes on nothing for one that is gone."""
    tables = [held.table for held in node.catalog.tables.values()]
    return any(partition.log_id == log_id for table in tables for partition in table.partitions)


def _query(attempt: Attempt) -> Query:
    partition = attempt.key[:HASH_BYTES]
    number = attempt.wanted_n % len(LOCAL_INDEXES)
    return Query(
        attempt.log_id, partition, after_prefix(partition), reverse=False, limit=0, local=LocalRead(number, None)
    )


def _share(log_id: LogId, share: list[Attempt], *, again: bool = False) -> WriteMany:
    return WriteMany(log_id, [command_of(attempt, again=again) for attempt in share])


def command_of(attempt: Attempt, *, again: bool = False) -> PutItem | UpdateItem | DeleteItem:
    known: dict[str, Any] = {"return_on_failure": True, "request_id": attempt.token, "again": again}
    condition = _condition(attempt)
    match attempt.verb:
        case "put":
            item = attempt.applied(None)
            assert item is not None
            return PutItem(attempt.key, encode_image(item), condition, **known)
        case "add":
            update = Expression(
                "SET #t = :t, #c = :c ADD #n :one",
                {"#t": "tok", "#c": "colour", "#n": "n"},
                {":t": {"S": attempt.token}, ":c": {"S": attempt.colour}, ":one": {"N": "1"}},
            )
            return UpdateItem(attempt.key, key_of(attempt.item_id), update, condition, **known)
        case _:
            return DeleteItem(attempt.key, condition, **known)


def _condition(attempt: Attempt) -> Expression | None:
    match attempt.condition:
        case "absent":
            return Expression("attribute_not_exists(#i)", {"#i": "id"}, {})
        case "counted":
            return Expression("#n = :n", {"#n": "n"}, {":n": {"N": str(attempt.wanted_n)}})
        case _:
            return None


def create_request(name: str, partitions: int, *, indexed: bool) -> dict[str, Any]:
    """A CreateTable request, as the router passes it on."""
    types = {"id": "S", "at": "N", **dict(LOCAL_INDEXES.values()), **({"colour": "S"} if indexed else {})}
    request: dict[str, Any] = {
        "TableName": name,
        "KeySchema": _key_schema("at"),
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        "LocalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": _key_schema(sort), "Projection": {"ProjectionType": "ALL"}}
            for name, (sort, _) in LOCAL_INDEXES.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": [{"Key": "stator:partitions", "Value": str(partitions)}],
    }
    if indexed:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": "by-colour",
                "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ]
    return request


def _key_schema(sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
