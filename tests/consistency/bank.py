"""Money moves between accounts, none is made or lost: a read of all accounts at one moment shows the sum that was there
at the start. Whether a transfer with an unknown outcome was done does not matter to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """What one TransactGetItems of all accounts showed."""

    name: str
    balances: Mapping[str, int]


def check(statements: Iterable[Statement], accounts: frozenset[str], total: int) -> Iterator[str]:
    """What is wrong with statements about `accounts`, which together hold `total` and may not be overdrawn."""
    for statement in statements:
        shown = dict(statement.balances)
        if shown.keys() != accounts:
            yield f"{statement.name}: not the accounts, but {sorted(shown.keys() ^ accounts)} too many or too few"
            continue
        found = sum(shown.values())
        if found != total:
            yield f"{statement.name}: the accounts hold {found} and not {total}: {shown}"
        overdrawn = {account: balance for account, balance in shown.items() if balance < 0}
        if overdrawn:
            yield f"{statement.name}: overdrawn: {overdrawn}"
