"""What transactions did to lists and what their clients were told: the evidence that `list_append` judges.

Every append to a list carries a value of its own, so that a list that was read says who wrote it, and in which order.
"""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What a client knows of a transaction."""

    OK = "it was done, and this is what it read"
    FAILED = "it certainly did nothing"
    UNKNOWN = "it may have been done, or may yet be"


@dataclass(frozen=True, slots=True)
class Append:
    """`value` was put at the end of the list `key`."""

    key: str
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    """The list `key` was `values`; of a transaction that is not OK nothing was heard."""

    key: str
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Transaction:
    """Asked for at one instant, answered at another; equal instants count as overlapping."""

    name: str
    operations: tuple[Append | Read, ...]
    asked_at: float
    told_at: float = float("inf")
    outcome: Outcome = Outcome.OK

    @property
    def appends(self) -> tuple[Append, ...]:
        return tuple(operation for operation in self.operations if isinstance(operation, Append))

    @property
    def reads(self) -> tuple[Read, ...]:
        """What was heard."""
        heard = self.operations if self.outcome is Outcome.OK else ()
        return tuple(operation for operation in heard if isinstance(operation, Read))
