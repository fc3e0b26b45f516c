"""Every item one register: histories of single items, judged by porcupine (tests/porcupine/main.go, built by make).

An operation that failed for certain did nothing and is left out by whoever writes the history. One whose outcome is not
known has no `told_at`, and nothing that it was shown counts.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

CHECKER = Path(__file__).parents[2] / ".tools" / "bin" / "linearizable"
ABSENT: tuple[str, ...] = ()
"""An item that is not there; one that is there is a tuple of its value."""


class Operation(msgspec.Struct, frozen=True, kw_only=True, rename={"condition": "if"}):
    """One request about one item. Instants are in any one unit, of one clock; equal ones overlap."""

    key: str
    verb: Literal["get", "put", "update", "delete"]
    """An update adds the number `value` to the item's, which counts as 0 if it is absent."""
    asked_at: int
    told_at: int | None
    value: str = ""
    condition: tuple[str, ...] | None = None
    """The write asked for the item to be this; None: it had no condition."""
    refused: bool = False
    before: tuple[str, ...] | None = None
    """What the answer showed of the item before; None: nothing."""
    after: tuple[str, ...] | None = None
    """What the answer showed of the item after; a read's answer is either."""


class Verdict(msgspec.Struct, frozen=True):
    """What was found. `undecided` items took longer than they were given."""

    verdict: Literal["linearizable", "not linearizable", "undecided"]
    items: int
    operations: int
    not_linearizable: tuple[str, ...]
    undecided: tuple[str, ...]


def check(history: Iterable[Operation], item_patience_s: float = 30.0) -> Verdict:
    """Judge each item by itself. ValueError: this is no history."""
    lines = b"".join(msgspec.json.encode(operation) + b"\n" for operation in history)
    done = subprocess.run([CHECKER, "-patience", f"{item_patience_s}s"], input=lines, capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.decode().strip())
    return msgspec.json.decode(done.stdout, type=Verdict)
