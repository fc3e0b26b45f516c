"""Clients that use single items as registers and counters, and write down when they asked what and what they were told.

An item is used for a few seconds only and then left to others: what has an unknown outcome may happen at any later time, and a
checker can only bear so many of these for one item.
"""

import time
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

from msgspec.structs import replace

from tests.chaos.asking import Answers, Told, asking
from tests.consistency.linearizable import ABSENT, Operation
from tests.raw_connection import Connection

TABLE = "registers"
CLIENTS = 6
GENERATION_S = 8.0
REGISTERS, COUNTERS = 6, 2
GENERATION_OPERATIONS = 2_000
"""More than all clients do in one generation."""

Shown = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends, and the operation that it is, of which the answer shows the item before or after."""

    action: str
    parameters: dict[str, Any]
    operation: Operation
    shows: str = "before"


@dataclass
class Registers:
    """What was done to all items."""

    port: int
    seed: int
    history: list[Operation] = field(default_factory=list)
    answers: Answers = field(default_factory=Answers)
    _began: float = field(default_factory=time.monotonic)

    def used(self) -> AbstractContextManager[None]:
        """Clients use them for the time of a `with`."""
        return asking(self.port, [partial(self._ask, Random(f"{self.seed}-{n}")) for n in range(CLIENTS)])

    def read_all(self) -> None:
        """Read every item that was used, when all is well again: what was acknowledged must be there."""
        with closing(Connection(self.port)) as connection:
            for key in sorted({operation.key for operation in self.history}):
                self._do(get(key), connection)

    def acknowledged(self) -> int:
        """How many writes were."""
        return len(self._acknowledgements())

    def longest_silence_s(self) -> float:
        """The longest time without one acknowledged write."""
        return max((later - earlier for earlier, later in pairwise(sorted(self._acknowledgements()))), default=0) / 1e9

    def _acknowledgements(self) -> list[int]:
        writes = [one for one in self.history if one.verb != "get" and not one.refused]
        return [one.told_at for one in writes if one.told_at is not None]

    def _ask(self, dice: Random, connection: Connection) -> None:
        self._do(self._next(dice), connection)

    def _next(self, dice: Random) -> Request:
        generation = int((time.monotonic() - self._began) / GENERATION_S)
        if dice.random() < COUNTERS / (REGISTERS + COUNTERS):
            key = f"{generation:05d}-counter-{dice.randrange(COUNTERS)}"
            return get(key) if dice.random() < 0.3 else add(key, dice.randint(1, 9))
        key = f"{generation:05d}-register-{dice.randrange(REGISTERS)}"
        value = str(dice.getrandbits(48))
        written = [one.value for one in self.history[-GENERATION_OPERATIONS:] if one.key == key and one.verb == "put"]
        condition = (dice.choice(written),) if written and dice.random() < 0.6 else ABSENT
        requests = (get(key), put(key, value), put(key, value, condition), delete(key))
        return dice.choices(requests, weights=(4, 2.5, 2.5, 1))[0]

    def _do(self, request: Request, connection: Connection) -> None:
        asked = replace(request.operation, asked_at=time.monotonic_ns())
        told, answer = self.answers.ask(connection, request.action, request.parameters)
        told_at = time.monotonic_ns()
        if told is Told.UNKNOWN:
            self.history.append(asked)
        elif told is Told.REFUSED:
            self.history.append(replace(asked, told_at=told_at, refused=True, before=shown(answer.get("Item"))))
        elif told is Told.DONE:
            item = shown(answer.get("Item", answer.get("Attributes")))
            self.history.append(replace(asked, told_at=told_at, **{request.shows: item}))


def get(key: str) -> Request:
    """A strong read."""
    return _request("GetItem", key, {"Key": _key(key), "ConsistentRead": True}, verb="get")


def put(key: str, value: str, condition: Shown = None) -> Request:
    """A put, if `condition` is not None only over such an item."""
    parameters: dict[str, Any] = {"Item": _key(key) | {"v": {"S": value}}, "ReturnValues": "ALL_OLD"}
    if condition is not None:
        parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        parameters["ConditionExpression"] = "v = :v" if condition else "attribute_not_exists(pk)"
    if condition:
        parameters["ExpressionAttributeValues"] = {":v": {"S": condition[0]}}
    return _request("PutItem", key, parameters, verb="put", value=value, condition=condition)


def delete(key: str) -> Request:
    """A delete, whatever is there."""
    return _request("DeleteItem", key, {"Key": _key(key), "ReturnValues": "ALL_OLD"}, verb="delete")


def add(key: str, number: int) -> Request:
    """An addition to a counter: done twice, it shows."""
    parameters = {
        "Key": _key(key),
        "UpdateExpression": "ADD v :n",
        "ExpressionAttributeValues": {":n": {"N": str(number)}},
        "ReturnValues": "ALL_NEW",
    }
    return _request("UpdateItem", key, parameters, shows="after", verb="update", value=str(number))


def shown(item: dict[str, Any] | None) -> tuple[str, ...]:
    """The value that an answer shows."""
    return ABSENT if item is None else tuple(item["v"].values())


def _request(action: str, key: str, parameters: dict[str, Any], *, shows: str = "before", **operation: Any) -> Request:
    parameters = {"TableName": TABLE} | parameters
    return Request(action, parameters, Operation(key=key, asked_at=0, told_at=None, **operation), shows)


def _key(key: str) -> dict[str, Any]:
    return {"pk": {"S": key}}
