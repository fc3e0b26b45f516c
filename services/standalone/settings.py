"""What an operator may set for a standalone server."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneSettings:
    """Flags of `stator serve`."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    admin_port: int = 0
    """Health, metrics and status; 0 is off."""
    partitions: int = 1
    """Partitions of a new table."""
    segment_age_s: float = 10.0
    """How old the newest archived moment may be; restores read the rest from the log."""
    ttl_sweep_s: float = 10.0
    """Between two looks for items whose time to live is over."""
    materializer_delay_s: float = 0.0
    """How old a record must be before eventual reads see it; 0: they see what strong ones see."""
