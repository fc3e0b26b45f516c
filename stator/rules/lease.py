"""How long a leader may read without asking the log, and how long its successor waits for that: rule R9, as arithmetic.

A lease is counted from before its record was sent, the wait from after the Claim was read, and that Claim lies behind that record
in the log. So the wait begins after the lease and outlasts it, if only no clock runs faster or slower than the truth by more
than `RATE_ERROR`; what time a clock shows does not matter. docs/tla/WalFence.tla breaks each of these rules once.
"""

from enum import Enum

from stator.model.records import Kind

LEASE_S = 2.0
"""Failover after a crash takes this longer; a read-only partition appends a barrier about as often."""

RATE_ERROR = 0.01
"""A hundred times what a quartz is off, twenty times what NTP may slew it."""


class Before(Enum):
    """Who may still have a lease when a log's next Claim is accepted."""

    NOBODY = "nobody led the log yet, or who did released it"
    OURSELVES = "since we last led, nobody else's Claim was accepted"
    OTHERS = "somebody else, as far as we know"


def passed(before: Before, kind: Kind, *, ours: bool) -> Before:
    """The same, behind one more accepted record. `ours`: it carries the writer that we lead with, or did last."""
    if kind is Kind.RELEASE:
        return Before.NOBODY
    if kind is Kind.CLAIM:
        return Before.OURSELVES if ours else Before.OTHERS
    return Before.OTHERS if before is Before.NOBODY else before


def outbid(before: Before) -> Before:
    """The same, behind a Claim of ours that we do not lead by, having sent a later one. It gave no lease, and ended none."""
    return Before.OTHERS if before is Before.NOBODY else before


def lease_until(sent_at: float) -> float:
    """When the lease ends that a confirmed record gives, on the clock by which it was handed to the log at `sent_at`."""
    return sent_at + LEASE_S * (1 - RATE_ERROR)


def ready_at(before: Before, now: float, ready_before: float) -> float:
    """When a new leader may answer, its own Claim having been read as accepted `now`. `ready_before` is what this was when it
    last led: over its own epoch it waits for the same leases as then.
    """
    match before:
        case Before.NOBODY:
            return now
        case Before.OURSELVES:
            return ready_before
        case Before.OTHERS:
            return now + LEASE_S * (1 + RATE_ERROR)
