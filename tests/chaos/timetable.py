"""What goes wrong and when, drawn from a seed before anything runs, so that a run that failed can be struck in the same way again.

At least three in ten faults freeze whoever leads, half of those for about as long as a lease lasts: a process that believes no
time has passed is the worst that a rule about time can meet.
"""

from dataclasses import dataclass
from enum import Enum
from random import Random

LEADING = "whoever leads most"
LEADERS = ("leader-1", "leader-2")
OTHERS = (
    "control-1",
    "control-2",
    "materializer-1",
    "materializer-2",
    "router-1",
    "gsi-1",
    "streams-1",
    "archiver-1",
    "restore-1",
)
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
SMALL_DISK = "leader-1"
"""Whose data lies on a file system small enough to fill."""
APART_S = (6.0, 20.0)
"""Between the beginnings of two faults."""
RECOVERY_S = 10.0
"""What brokers need to be in sync again before the next of them goes: nobody promises to bear two of three away."""


class Kind(Enum):
    """What is done to a process."""

    KILL = "kill"
    FREEZE = "freeze"
    STOP = "stop"
    FILL_DISK = "fill its disk"
    STEP_CLOCK = "put its clock wrong"


@dataclass(frozen=True, slots=True)
class Fault:
    """From `at_s` on, for `lasts_s`, counted from the beginning of the run."""

    kind: Kind
    target: str
    at_s: float
    lasts_s: float

    @property
    def ends_s(self) -> float:
        return self.at_s + self.lasts_s


DECK = (
    *[(Kind.FREEZE, (LEADING,), (0.2, 2.0))] * 2,
    *[(Kind.FREEZE, (LEADING,), (1.0, 30.0))] * 2,
    *[(Kind.KILL, (LEADING,), (0.0, 5.0))] * 2,
    (Kind.STOP, (LEADING,), (0.0, 5.0)),
    (Kind.FREEZE, (*OTHERS, *BROKERS), (1.0, 10.0)),
    (Kind.KILL, OTHERS, (0.0, 8.0)),
    (Kind.KILL, BROKERS, (0.0, 5.0)),
    (Kind.STOP, BROKERS, (0.0, 5.0)),
    (Kind.FILL_DISK, (SMALL_DISK,), (1.0, 8.0)),
    (Kind.STEP_CLOCK, (LEADING,), (2.0, 10.0)),
)
"""Dealt from again and again, so that each kind of fault has its share of a short run too: kind, targets, seconds."""


def timetable(seed: int, seconds: float) -> list[Fault]:
    """Faults that begin and end within so many seconds, in the order in which they begin."""
    dice = Random(seed)
    faults: list[Fault] = []
    hand: list[tuple[Kind, tuple[str, ...], tuple[float, float]]] = []
    at_s, free_s = 0.0, dict.fromkeys(("leaders", "brokers", "others"), 0.0)
    while True:
        if not hand:
            hand = dice.sample(DECK, len(DECK))
        kind, targets, lasts_s = hand.pop()
        at_s += dice.uniform(*APART_S)
        target = dice.choice(targets)
        group = "brokers" if target in BROKERS else "others" if target in OTHERS else "leaders"
        at_s = max(at_s, free_s[group])
        fault = Fault(kind, target, at_s, dice.uniform(*lasts_s))
        if fault.ends_s > seconds:
            return faults
        faults.append(fault)
        free_s[group] = fault.ends_s + (RECOVERY_S if group == "brokers" else 0.0)
