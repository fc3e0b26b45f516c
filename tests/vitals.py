"""Vitals of a process that is none: no disk behind it, and a clock that stands still."""

from pathlib import Path

from stator.adapters.clock_manual import ManualClock
from stator.runtime.vitals import Vitals


def vitals_of(node: str, role: str) -> Vitals:
    return Vitals(node, role, ManualClock(), Path("/nowhere"))
