"""Clients whose transactions cross partitions: money moves between accounts, and lists grow; and what they read of both.

Lists are left to others after a few seconds, so that those that are read stay short.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

from tests.chaos.asking import Answers, Told, asking
from tests.consistency import bank
from tests.consistency.transactions import Append, Outcome, Read, Transaction
from tests.raw_connection import Connection

TABLE = "transactions"
CLIENTS = 4
ACCOUNTS = frozenset(f"account-{number}" for number in range(6))
OPENING = 100
TOTAL = OPENING * len(ACCOUNTS)
GENERATION_S = 8.0
LISTS = 4

_OUTCOMES = {
    Told.DONE: Outcome.OK,
    Told.REFUSED: Outcome.FAILED,
    Told.NOTHING_DONE: Outcome.FAILED,
    Told.UNKNOWN: Outcome.UNKNOWN,
}


@dataclass
class Transactors:
    """What they did to lists, and which statements the bank gave."""

    port: int
    seed: int
    history: list[Transaction] = field(default_factory=list)
    statements: list[bank.Statement] = field(default_factory=list)
    transfers: int = 0
    answers: Answers = field(default_factory=Answers)
    _began: float = field(default_factory=time.monotonic)
    _numbers: Iterator[int] = field(default_factory=count)

    def open_accounts(self) -> None:
        """All is well: nothing may fail."""
        with closing(Connection(self.port)) as connection:
            for account in ACCOUNTS:
                item = _key(account) | {"v": {"N": str(OPENING)}}
                told, _ = self.answers.ask(connection, "PutItem", {"TableName": TABLE, "Item": item})
                assert told is Told.DONE

    def active(self) -> AbstractContextManager[None]:
        """They go on for the time of a `with`."""
        return asking(self.port, [partial(self._ask, Random(f"{self.seed}-{n}")) for n in range(CLIENTS)])

    def read_all(self) -> None:
        """Read all lists and all accounts, when all is well again."""
        keys = sorted({operation.key for transaction in self.history for operation in transaction.operations})
        with closing(Connection(self.port)) as connection:
            self._read_accounts(connection)
            for key in keys:
                self._read_lists([key], connection)

    def _ask(self, dice: Random, connection: Connection) -> None:
        generation = int((time.monotonic() - self._began) / GENERATION_S)
        lists = dice.sample([f"{generation:05d}-list-{number}" for number in range(LISTS)], dice.randint(1, 3))
        kind = dice.random()
        if kind < 0.3:
            self._append(lists, connection)
        elif kind < 0.55:
            self._read_lists(lists, connection)
        elif kind < 0.8:
            giver, taker = dice.sample(sorted(ACCOUNTS), 2)
            self._transfer(giver, taker, dice.randint(1, 30), connection)
        else:
            self._read_accounts(connection)

    def _append(self, lists: list[str], connection: Connection) -> None:
        appends = tuple(Append(key, next(self._numbers)) for key in lists)
        growth = "SET v = list_append(if_not_exists(v, :none), :new)"
        actions = [
            _update(one.key, growth, {":none": {"L": []}, ":new": {"L": [{"N": str(one.value)}]}}) for one in appends
        ]
        asked_at = time.monotonic()
        told, _ = self.answers.ask(connection, "TransactWriteItems", {"TransactItems": actions})
        self._note(appends, asked_at, told)

    def _read_lists(self, lists: list[str], connection: Connection) -> None:
        asked_at = time.monotonic()
        told, items = self._read(lists, connection)
        reads = [Read(key, tuple(int(value["N"]) for value in items.get(key, {"L": []})["L"])) for key in lists]
        self._note(tuple(reads), asked_at, told)

    def _note(self, operations: tuple[Append | Read, ...], asked_at: float, told: Told) -> None:
        told_at = float("inf") if told is Told.UNKNOWN else time.monotonic()
        name = f"t{next(self._numbers)}"
        self.history.append(Transaction(name, operations, asked_at, told_at, _OUTCOMES[told]))

    def _transfer(self, giver: str, taker: str, amount: int, connection: Connection) -> None:
        value = {":n": {"N": str(amount)}}
        actions = [
            _update(giver, "SET v = v - :n", value, ConditionExpression="v >= :n"),
            _update(taker, "SET v = v + :n", value),
        ]
        told, _ = self.answers.ask(connection, "TransactWriteItems", {"TransactItems": actions})
        self.transfers += told is Told.DONE

    def _read_accounts(self, connection: Connection) -> None:
        told, items = self._read(sorted(ACCOUNTS), connection)
        if told is Told.DONE:
            balances = {account: int(value["N"]) for account, value in items.items()}
            self.statements.append(bank.Statement(f"statement {len(self.statements)}", balances))

    def _read(self, keys: list[str], connection: Connection) -> tuple[Told, dict[str, dict[str, Any]]]:
        gets = [{"Get": {"TableName": TABLE, "Key": _key(key)}} for key in keys]
        told, answer = self.answers.ask(connection, "TransactGetItems", {"TransactItems": gets})
        found = [response.get("Item") for response in answer.get("Responses", [])]
        return told, {item["pk"]["S"]: item["v"] for item in found if item is not None}


def _update(key: str, expression: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    update = {"TableName": TABLE, "Key": _key(key), "UpdateExpression": expression, "ExpressionAttributeValues": values}
    return {"Update": update | more}


def _key(key: str) -> dict[str, Any]:
    return {"pk": {"S": key}}
