"""What clients asked and what they were told: the only evidence of what was promised."""

from dataclasses import dataclass, field
from enum import Enum

from stator.model.item import Item
from stator.model.positions import LogId

EXPIRY = "until"
"""The attribute by which items expire, where they do."""


class Told(Enum):
    """What a client knows of an attempt."""

    NOTHING = "no answer, or an unknown outcome"
    DONE = "it was done, or read"
    REFUSED = "its condition was false"
    FAILED = "it certainly did nothing"


def key_of(item_id: str) -> Item:
    """An item's key: each is alone under its partition key."""
    return {"id": {"S": item_id}, "at": {"N": "0"}}


@dataclass
class Attempt:
    """One request to one partition. `verb` says which of the other fields mean something."""

    verb: str
    log_id: LogId
    key: bytes
    item_id: str
    token: str
    condition: str | None = None
    wanted_n: int = 0
    colour: str = ""
    until_s: int = 0
    """When what is put expires; 0: never."""
    asked_at: float = 0.0
    told_at: float = float("inf")
    told: Told = Told.NOTHING
    timestamp_us: int = 0
    seen: bytes | None = None

    @property
    def writes(self) -> bool:
        return self.verb in {"put", "add", "delete"}

    def holds(self, old: Item | None) -> bool:
        """Whether the condition is true of an item."""
        match self.condition:
            case "absent":
                return old is None
            case "counted":
                return old is not None and old.get("n") == {"N": str(self.wanted_n)}
            case _:
                return True

    def applied(self, old: Item | None) -> Item | None:
        """What the write makes of an item."""
        if self.verb == "delete":
            return None
        mine = {"tok": {"S": self.token}, "colour": {"S": self.colour}}
        if self.verb == "put":
            until = {EXPIRY: {"N": str(self.until_s)}} if self.until_s else {}
            return {**key_of(self.item_id), "n": {"N": str(self.wanted_n)}, **until, **mine}
        before = old or key_of(self.item_id)
        return {**before, **mine, "n": {"N": str(int(before.get("n", {"N": "0"})["N"]) + 1)}}


@dataclass
class History:
    """All attempts of a run, in the order in which they were made."""

    attempts: list[Attempt] = field(default_factory=list)
    restores: list[tuple[str, str, int]] = field(default_factory=list)
    """Source table, target table, instant in microseconds; of those that were accepted."""
