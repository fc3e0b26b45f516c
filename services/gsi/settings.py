"""What an operator may set for an index worker: STATOR_* variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from stator.model.errors import StartupError
from stator.runtime.settings import API_PORT, PORT_MAX, Address, address, addresses, default_admin_port


@dataclass(frozen=True, kw_only=True)
class GsiSettings:
    """One index worker of a cluster."""

    node: str
    kafka: str
    """host:port,host:port"""
    data: Path
    log_prefix: str = "stator.wal."
    """What the names of all logs' topics start with: several deployments may share brokers."""
    s3_endpoint: str
    s3_bucket: str
    s3_access_key: str
    s3_secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    admin_port: int = 0
    listen: Address | None = None
    """Where it tells the others about itself when they ask; nowhere if not known."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the STATOR_* variables that `GsiProcess` needs. Raises StartupError that names what is missing."""

        def needed(name: str) -> str:
            value = environment.get(name)
            if not value:
                raise StartupError(f"{name} is not set")
            return value

        port = environment.get("STATOR_ADMIN_PORT", str(default_admin_port(API_PORT)))
        if not (port.isascii() and port.isdecimal() and int(port) <= PORT_MAX):
            raise StartupError(f"STATOR_ADMIN_PORT is {port!r}, which is not a port")
        listen = environment.get("STATOR_LISTEN")
        if listen is None and "STATOR_SEEDS" in environment:
            listen_at = addresses("STATOR_SEEDS", environment["STATOR_SEEDS"]).get(needed("STATOR_NODE"))
        else:
            listen_at = None if listen is None else address("STATOR_LISTEN", listen)
        return cls(
            node=needed("STATOR_NODE"),
            kafka=needed("STATOR_KAFKA"),
            data=Path(needed("STATOR_DATA")),
            log_prefix=environment.get("STATOR_LOG_PREFIX", cls.log_prefix),
            s3_endpoint=needed("STATOR_S3_ENDPOINT"),
            s3_bucket=needed("STATOR_S3_BUCKET"),
            s3_access_key=needed("STATOR_S3_ACCESS_KEY"),
            s3_secret_key=needed("STATOR_S3_SECRET_KEY"),
            host=environment.get("STATOR_HOST", cls.host),
            admin_port=int(port),
            listen=listen_at,
        )
