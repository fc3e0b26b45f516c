"""A wall clock for one process alone, which a test may step while the process runs. Time that only rises is left as it is.

By libfaketime, in front of the C library: the process calls what it always calls, and nothing in it knows.
"""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import libfaketime

_LIBRARY = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
LOOKS_S = 1
"""A process notices a step within so many seconds."""


def can_be_stepped() -> bool:
    """Whether this machine can load the library: the package brings it for one kind of processor."""
    try:
        ctypes.CDLL(str(_LIBRARY), mode=os.RTLD_LAZY)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class OwnClock:
    """`step` writes `file`; a process with this `environment` reads it."""

    file: Path

    def __post_init__(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.step(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """What the process is to be started with."""
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": str(LOOKS_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: float) -> None:
        """From now on the process's wall clock is so much ahead of everybody else's; behind, if that is negative."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+}\n")
        fresh.rename(self.file)  # nobody reads half of it
