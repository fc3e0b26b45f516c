"""A real MinIO as a plain process, for the archive.

MinIO is archived upstream and publishes no images any more; the binary is built from its Go module (see Makefile).
One thing must not break: it counts as ready when its health check says so, not when its port opens. In between it
answers 503 with `Retry-After: 60`, and its own SDK then sleeps that minute (3 of 40 starts on a busy machine).
"""

from pathlib import Path

from tools.supervised import ROOT, ServersUnavailable
from tools.supervisor import ProcessSpec

BINARY = ROOT / ".tools" / "bin" / "minio"


def minio_spec(directory: Path, port: int, *, access_key: str, secret_key: str, bucket: str) -> ProcessSpec:
    """Say how to run `minio-1` with an empty `bucket` in it; raise ServersUnavailable when it was not built."""
    if not BINARY.exists():
        raise ServersUnavailable("MinIO's binary is missing: make test or make cluster builds it (needs Go)")
    data = directory / "data" / "minio-1"
    (data / bucket).mkdir(parents=True, exist_ok=True)  # to MinIO a folder in its root is a bucket
    address = f"127.0.0.1:{port}"
    return ProcessSpec(
        name="minio-1",
        # Without a place of its own for certificates it writes into the user's home.
        argv=(
            str(BINARY),
            "--certs-dir",
            str(directory / "certs"),
            "server",
            "--quiet",
            "--address",
            address,
            str(data),
        ),
        environment={
            "MINIO_ROOT_USER": access_key,
            "MINIO_ROOT_PASSWORD": secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
        answers_at=(f"http://{address}/minio/health/cluster",),
        tier=0,
        stop_s=10,
    )
