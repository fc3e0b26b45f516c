"""A bank in the simulator: transfers between accounts in several partitions of two tables, and statements of all accounts.

An account that was never used, or was closed, has no item, and holds OPENING. Accounts come in couples, of which one at most may be
poor: a transfer checks that the other one of its payer's couple is not. So the sum tells of half a transfer, and a poor couple of
two transfers that did not see each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from stator.model.item import decode_image
from stator.model.tables import Table
from stator.rules.commands import DeleteItem, Expression, UpdateItem
from stator.rules.transaction_messages import Action, ConditionCheck
from tests.consistency import bank
from tests.consistency.bank import Statement
from tests.consistency.transactions import Outcome
from tests.simulation.cluster import Cluster, Node
from tests.simulation.transacting import place_of, read, some_router, transact

NAME = "Bank"
CREATE: dict[str, Any] = {
    "TableName": NAME,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "Tags": [{"Key": "stator:partitions", "Value": "2"}],
}
COUPLES = (("ann", "bob"), ("cat", "dan"), ("eva", "fin"))
ACCOUNTS = tuple(account for couple in COUPLES for account in couple)
PARTNERS = dict([*COUPLES, *((two, one) for one, two in COUPLES)])
OPENING = 100
POOR = 50
"""Who has less."""
VERBS = ("transfer", "close", "state")
WEIGHTS = (6, 1, 3)


class Transfer(NamedTuple):
    """What a client asked for, and what it was told."""

    payer: str
    payee: str
    amount: int
    outcome: Outcome = Outcome.UNKNOWN


@dataclass
class Bank:
    """Issues transfers, and statements. A couple's accounts lie in different tables."""

    cluster: Cluster
    tables: tuple[Table, Table]
    dice: Random
    transfers: list[Transfer] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)

    def issue(self) -> None:
        """One client begins, at some router."""
        node = some_router(self.cluster, self.dice)
        if node is not None:
            play = self._play(node, Random(self.dice.getrandbits(64)))
            self.cluster.loop.call_soon(node.tasks.spawn, "client", play, context=node.owner.context)

    async def state(self, node: Node) -> Statement | None:
        """What all accounts held at one moment, if that can be had."""
        images = await read(node, [self._places[account] for account in ACCOUNTS])
        if images is None:
            return None
        held = {account: _balance(image) for account, image in zip(ACCOUNTS, images, strict=True)}
        self.statements.append(Statement(f"statement {len(self.statements)}", held))
        return self.statements[-1]

    def __post_init__(self) -> None:
        self._places = {
            account: place_of(self.tables[couple.index(account)], account) for couple in COUPLES for account in couple
        }

    async def _play(self, node: Node, draw: Random) -> None:
        payer, payee = draw.sample(ACCOUNTS, 2)
        match draw.choices(VERBS, WEIGHTS)[0]:
            case "transfer":
                await self._transfer(node, Transfer(payer, payee, draw.randint(1, OPENING)), {}, draw)
            case "close" if (seen := await self.state(node)) is not None:
                held = seen.balances[payer]
                # Whatever it holds beyond the opening goes; what it lacks comes from the other one.
                moved = (
                    Transfer(payer, payee, held - OPENING)
                    if held >= OPENING
                    else Transfer(payee, payer, OPENING - held)
                )
                await self._transfer(node, moved, {payer: held}, draw)
            case _:
                await self.state(node)

    async def _transfer(self, node: Node, wanted: Transfer, closing: dict[str, int], draw: Random) -> None:
        """`closing`: an account whose item goes, and what it must hold."""
        number = len(self.transfers)
        self.transfers.append(wanted)
        partner = PARTNERS[wanted.payer]
        checked = POOR if wanted.payee == partner else 0
        actions: dict[str, Action] = {
            wanted.payer: self._adding(wanted.payer, -wanted.amount, wanted.amount),
            wanted.payee: self._adding(wanted.payee, wanted.amount, checked),
        }
        if not checked:
            actions[partner] = ConditionCheck(self._places[partner][1], _at_least(POOR))
        for account, held in closing.items():
            actions[account] = DeleteItem(self._places[account][1], Expression("#n = :n", _N, {":n": _number(held)}))
        asked = [(self._places[account][0], action) for account, action in actions.items()]
        self.transfers[number] = wanted._replace(outcome=await transact(node, asked, f"transfer-{number}", draw))

    def _adding(self, account: str, amount: int, least: int) -> UpdateItem:
        values = {":opening": _number(OPENING), ":amount": _number(amount)}
        update = Expression("SET #n = if_not_exists(#n, :opening) + :amount", _N, values)
        return UpdateItem(self._places[account][1], {"id": {"S": account}}, update, _at_least(least))


_N = {"#n": "n"}


def _at_least(amount: int) -> Expression:
    return Expression("attribute_not_exists(#n) OR #n >= :least", _N, {":least": _number(amount)})


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _balance(image: bytes | None) -> int:
    return OPENING if image is None else int(decode_image(image)["n"]["N"])


def check(statements: Sequence[Statement], transfers: Sequence[Transfer]) -> Iterator[str]:
    """What is wrong with statements, the last of which was made when nothing went on any more."""
    yield from bank.check(statements, frozenset(ACCOUNTS), OPENING * len(ACCOUNTS))
    for statement in statements:
        for couple in COUPLES:
            if all(statement.balances[account] < POOR for account in couple):
                yield f"{statement.name}: {couple} are poor: {statement.balances}"
    for account in ACCOUNTS:
        known, unknown = OPENING, False
        for transfer in transfers:
            change = {transfer.payer: -transfer.amount, transfer.payee: transfer.amount}.get(account, 0)
            known += change if transfer.outcome is Outcome.OK else 0
            unknown |= bool(change) and transfer.outcome is Outcome.UNKNOWN
        if statements and not unknown and statements[-1].balances[account] != known:
            yield f"{account} holds {statements[-1].balances[account]}, but should hold {known}"
