"""What an operator may set for an index worker: STATOR_* variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stator.model.errors import StartupError


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
    s3_secret_key: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read STATOR_NODE, _KAFKA, _DATA, _S3_*, and _LOG_PREFIX if it is set. Raises StartupError that names what is missing."""

        def needed(name: str) -> str:
            value = environment.get(name)
            if not value:
                raise StartupError(f"{name} is not set")
            return value

        return cls(
            node=needed("STATOR_NODE"),
            kafka=needed("STATOR_KAFKA"),
            data=Path(needed("STATOR_DATA")),
            log_prefix=environment.get("STATOR_LOG_PREFIX", cls.log_prefix),
            s3_endpoint=needed("STATOR_S3_ENDPOINT"),
            s3_bucket=needed("STATOR_S3_BUCKET"),
            s3_access_key=needed("STATOR_S3_ACCESS_KEY"),
            s3_secret_key=needed("STATOR_S3_SECRET_KEY"),
        )
