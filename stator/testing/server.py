"""A throw-away server: a process of its own on a free port, with its data in a directory that goes with it.

One thing must not break: no process stays behind, whatever ends the test run. The server reads a pipe from us and ends when
that closes (`stator.testing.__main__`), so even a killed test run leaves nothing.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_HOST = "127.0.0.1"
_READY = re.compile(rf"on http://{re.escape(_HOST)}:(\d+) ")
_POLL_S = 0.005
_START_S = 60.0
"""Half a second on an idle machine. One that runs tests may be far from idle, and a server that cannot start ends at once."""
_STOP_S = 60.0


class ServerFailedError(Exception):
    """The server did not start; the message is what it wrote."""


class StatorServer:
    """One standalone server, for the time of a `with`. It may be killed and started again meanwhile: its port stays.

    `directory` is where it keeps its data; without one it gets a temporary directory, deleted at the end of the `with`.
    `flags` go to `stator serve` as they are.
    """

    def __init__(self, directory: Path | None = None, *flags: str) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="stator-")
            directory = Path(self._temporary.name)
        self.directory = directory
        self.port = 0
        """Where the API is; 0 before the first start."""
        self._flags = flags
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Any] = []

    @property
    def endpoint_url(self) -> str:
        """What an SDK takes as its endpoint."""
        return f"http://{_HOST}:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process, or the last that ran."""
        if self._process is None:
            raise ServerFailedError("not started yet")
        return self._process

    def client(self, service: str = "dynamodb", **options: Any) -> Any:
        """boto3's client for this server (boto3 must be installed); `options` as for `boto3.client`. Closed with the server."""
        import boto3  # noqa: PLC0415 - not a requirement of ours

        client = boto3.client(service, **(self._connection() | options))
        self._clients.append(client)
        return client

    def resource(self, **options: Any) -> Any:
        """boto3's resource for this server; see `client`."""
        import boto3  # noqa: PLC0415 - not a requirement of ours

        resource = boto3.resource("dynamodb", **(self._connection() | options))
        self._clients.append(resource.meta.client)
        return resource

    def start(self) -> float:
        """Start it; the seconds until it served. Raises ServerFailedError with what it wrote when it cannot."""
        began_at = time.monotonic()  # noqa: TID251 - a test's time is real time
        self._log.seek(0)
        self._log.truncate()
        serve = ("serve", "--data", str(self.directory), "--host", _HOST, "--port", str(self.port), "--admin-port", "0")
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [
                sys.executable,
                "-P",
                "-m",
                "stator.testing",
                *serve,
                *self._flags,
            ],  # -P: no `stator` of the working directory
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env={name: value for name, value in os.environ.items() if not name.startswith("STATOR_")},
        )
        while (ready := _READY.search(self.output())) is None:
            ended = self._process.poll() is not None
            waited_s = time.monotonic() - began_at  # noqa: TID251
            if ended or waited_s > _START_S:
                self.kill()
                how = f"ended with {self._process.returncode}" if ended else f"did not serve within {_START_S:.0f} s"
                raise ServerFailedError(f"the server {how}: {self.output()}")
            time.sleep(_POLL_S)  # noqa: TID251
        self.port = int(ready[1])
        return time.monotonic() - began_at  # noqa: TID251

    def stop(self) -> int:
        """End it in order, as SIGTERM does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it as a crash would: SIGKILL. What it acknowledged is still there after the next `start`."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait until it has ended; the exit code."""
        code = self.process.wait(_STOP_S)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    def output(self) -> str:
        """What it wrote to standard error since its last start."""
        return os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")

    def close(self) -> None:
        """Leave no process, connection or temporary directory behind."""
        for client in self._clients:
            client.close()
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def _connection(self) -> dict[str, str]:
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": "us-east-1",
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
        }
