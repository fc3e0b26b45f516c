"""All that is asked of a deployment while it is being broken, and what is wrong with what it answered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.chaos import registers, transactors
from tests.chaos.registers import Registers
from tests.chaos.transactors import Transactors
from tests.client_load import create_table
from tests.consistency import bank, linearizable, list_append

ITEM_PATIENCE_S = 60.0
WELL_S = 90.0
"""What a deployment has to answer again after the last fault has ended."""


@dataclass
class Load:
    """Clients of single items, and of transactions, with tables of their own."""

    endpoint: str
    port: int
    seed: int
    items: Registers = field(init=False)
    transactions: Transactors = field(init=False)

    def __post_init__(self) -> None:
        for table in (registers.TABLE, transactors.TABLE):
            create_table(self.endpoint, table)
        self.items, self.transactions = Registers(self.port, self.seed), Transactors(self.port, self.seed)
        self.transactions.open_accounts()

    @contextmanager
    def running(self) -> Iterator[None]:
        """For the time of a `with`, at the end of which all is well."""
        with self.items.used(), self.transactions.active():
            yield
            deadline = time.monotonic() + WELL_S
            before = self._done()
            while any(now <= then for now, then in zip(self._done(), before, strict=True)):
                assert time.monotonic() < deadline, f"no answers when all was well again: {self.told()}"
                time.sleep(1.0)
        self.items.read_all()
        self.transactions.read_all()

    def wrong(self) -> list[str]:
        """What no deployment with one copy of all data, that did one thing at a time, would have answered."""
        verdict = linearizable.check(self.items.history, ITEM_PATIENCE_S)
        return [
            *([] if verdict.verdict == "linearizable" else [str(verdict)]),
            *map(str, list_append.check(self.transactions.history)),
            *bank.check(self.transactions.statements, transactors.ACCOUNTS, transactors.TOTAL),
            *self.items.answers.surprises,
            *self.transactions.answers.surprises,
        ]

    def fewest_done(self) -> int:
        """How often the rarest of four things was done: writes of items, transfers, statements, and appends to lists."""
        return min(self._done())

    def told(self) -> dict[str, Any]:
        """For people."""
        return {
            "answers about items": dict(self.items.answers.counts.most_common()),
            "answers to transactions": dict(self.transactions.answers.counts.most_common()),
            "longest time without an acknowledged write of an item, s": round(self.items.longest_silence_s(), 1),
        }

    def keep(self, directory: Path) -> None:
        """Write down what was asked and told."""
        for name, entries in {
            "items": self.items.history,
            "transactions": map(asdict, self.transactions.history),
            "statements": map(asdict, self.transactions.statements),
        }.items():
            (directory / f"{name}.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, entries)))

    def _done(self) -> tuple[int, ...]:
        appended = sum(one.told_at < float("inf") and bool(one.appends) for one in self.transactions.history)
        return self.items.acknowledged(), self.transactions.transfers, len(self.transactions.statements), appended
