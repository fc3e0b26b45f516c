"""Histories written by hand, in a notation that fits on a line.

A 0-9: x+1 y=1,2        A was asked at 0 and answered at 9; it appended 1 to x and read y = [1, 2]
B 2-5 failed: x+2       it certainly did nothing
C 3- unknown: x+3       nobody heard what became of it
"""

import re

from tests.consistency.transactions import Append, Outcome, Read, Transaction

LINE = re.compile(
    r"(?P<name>\w+) (?P<asked>[\d.]+)-(?P<told>[\d.]*)(?: (?P<outcome>failed|unknown))?:(?P<operations>.*)"
)
OPERATION = re.compile(r"(?P<key>\w+?)(?:\+(?P<value>\d+)|=(?P<values>[\d,]*))")


def history(text: str) -> list[Transaction]:
    """The transactions of some lines."""
    return [_transaction(line.strip()) for line in text.strip().splitlines()]


def _transaction(line: str) -> Transaction:
    found = LINE.fullmatch(line)
    assert found, line
    return Transaction(
        found["name"],
        tuple(_operation(word) for word in found["operations"].split()),
        float(found["asked"]),
        float(found["told"] or "inf"),
        Outcome[(found["outcome"] or "ok").upper()],
    )


def _operation(word: str) -> Append | Read:
    found = OPERATION.fullmatch(word)
    assert found, word
    if found["value"]:
        return Append(found["key"], int(found["value"]))
    return Read(found["key"], tuple(int(value) for value in found["values"].split(",") if value))
