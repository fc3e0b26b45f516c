"""Settings of a cluster's processes, from STATOR_* variables. Read once, at start; a missing or malformed one is told by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stator.model.errors import StartupError

Address = tuple[str, int]
StrongReads = Literal["lease", "barrier"]

API_PORT = 8000
ADMIN_PORT_OFFSET = 2
"""The admin port is the API's port and two: the one between is where people run dynamodb-admin."""

PORT_MAX = 65_535
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """What every process of a cluster needs to know. `seeds` names all of them: node name to peer address."""

    node: str
    kafka: str
    listen: Address
    seeds: Mapping[str, Address]
    data: Path
    s3_endpoint: str
    s3_bucket: str
    s3_access_key: str
    s3_secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = API_PORT
    admin_port: int = 0
    """Health, metrics and status; 0 is off."""
    partitions: int = 4
    """Partitions of a new table."""
    segment_age_s: float = 10.0
    ttl_sweep_s: float = 10.0
    """Between two looks for items whose time to live is over."""
    materializer_delay_s: float = 0.0
    """How old a record must be before views for eventual reads take it in."""
    strong_reads: StrongReads = "lease"
    """What a strong read goes by (R9, R10). The same for all leaders; changed while none runs."""

    @property
    def members(self) -> dict[str, str]:
        """Node name to role: `leader-1` is a leader."""
        return {name: name.rpartition("-")[0] for name in self.seeds}


def default_admin_port(port: int) -> int:
    """The admin port of a server whose API port is `port`; 0 (off) for one that takes any free port."""
    return port + ADMIN_PORT_OFFSET if 0 < port <= PORT_MAX - ADMIN_PORT_OFFSET else 0


def cluster_settings(environment: Mapping[str, str]) -> ClusterSettings:
    """Read the settings. Raises StartupError naming the variable that is missing or cannot be understood."""

    def text(name: str, default: str | None = None) -> str:
        value = environment.get(name, default)
        if value is None:
            raise StartupError(f"{name} is not set")
        return value

    def seconds(name: str, default: str, *, none: bool = False) -> float:
        """`none`: whether it may be 0."""
        given = text(name, default)
        try:
            value = float(given)
        except ValueError:
            value = -1.0
        if not (0 < value < _YEAR_S or (none and value == 0)):
            raise StartupError(f"{name} is {given!r}, which is not a number of seconds")
        return value

    def whole(name: str, default: str, low: int, high: int) -> int:
        given = text(name, default)
        if not (given.isascii() and given.isdecimal() and low <= int(given) <= high):
            raise StartupError(f"{name} is {given!r}, which is not a whole number from {low} to {high}")
        return int(given)

    def strong_reads() -> StrongReads:
        match given := text("STATOR_STRONG_READS", "lease"):
            case "lease" | "barrier":
                return given
            case _:
                raise StartupError(f"STATOR_STRONG_READS is {given!r}, which is neither lease nor barrier")

    node = text("STATOR_NODE")
    port = whole("STATOR_PORT", str(API_PORT), 0, PORT_MAX)
    members = addresses("STATOR_SEEDS", text("STATOR_SEEDS"))
    if node not in members:
        raise StartupError(f"STATOR_NODE is {node!r}, which STATOR_SEEDS does not list")
    return ClusterSettings(
        node=node,
        kafka=text("STATOR_KAFKA"),
        listen=address("STATOR_LISTEN", text("STATOR_LISTEN", ":".join(map(str, members[node])))),
        seeds=members,
        data=Path(text("STATOR_DATA", f"data/{node}")),
        s3_endpoint=text("STATOR_S3_ENDPOINT"),
        s3_bucket=text("STATOR_S3_BUCKET", "stator"),
        s3_access_key=text("STATOR_S3_ACCESS_KEY"),
        s3_secret_key=text("STATOR_S3_SECRET_KEY"),
        host=text("STATOR_HOST", "127.0.0.1"),
        port=port,
        admin_port=whole("STATOR_ADMIN_PORT", str(default_admin_port(port)), 0, PORT_MAX),
        partitions=whole("STATOR_PARTITIONS", "4", 1, 1024),
        segment_age_s=seconds("STATOR_SEGMENT_AGE_S", "10"),
        ttl_sweep_s=seconds("STATOR_TTL_SWEEP_S", "10"),
        materializer_delay_s=seconds("STATOR_MATERIALIZER_DELAY", "0", none=True),
        strong_reads=strong_reads(),
    )


def addresses(name: str, given: str) -> dict[str, Address]:
    """`leader-1=10.0.0.1:7000,leader-2=…`. Raises StartupError, naming the variable, for anything else."""
    pairs = [entry.partition("=") for entry in given.split(",")]
    return {node.strip(): address(name, place) for node, _, place in pairs}


def address(name: str, given: str) -> Address:
    """`host:port`. Raises StartupError, naming the variable, for anything else."""
    host, _, port = given.strip().rpartition(":")
    if not host or not port.isdecimal():
        raise StartupError(f"{name} has {given!r} where host:port is wanted")
    return host, int(port)
