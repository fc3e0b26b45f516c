"""The archive contract on a real MinIO."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from stator.adapters.archive_minio import MinioArchive, S3Settings
from stator.model.errors import StartupError
from stator.ports.archive import Archive
from tests.contracts.archive_contract import ArchiveContract, Result
from tests.servers import MinioServer

_fresh = count()


def archive_on(server: MinioServer, *, bucket: str | None = None, secret_key: str | None = None) -> MinioArchive:
    settings = S3Settings(
        endpoint=f"http://{server.endpoint}",
        bucket=bucket or server.bucket,
        access_key=server.access_key,
        secret_key=secret_key or server.secret_key,
    )
    return MinioArchive(settings)


@pytest.mark.minio
class TestMinioArchive(ArchiveContract):
    @pytest.fixture(autouse=True)
    def _server(self, minio_server: MinioServer) -> None:
        self.server = minio_server
        self.prefix = f"contract/{next(_fresh)}/"

    def opened(self, scenario: Callable[[Archive], Awaitable[Result]]) -> Result:
        async def run() -> Result:
            archive = archive_on(self.server)
            await archive.open()
            try:
                return await scenario(archive)
            finally:
                archive.close()

        return asyncio.run(run())

    def test_opening_makes_a_missing_bucket_and_accepts_one_that_is_there(self) -> None:
        async def run() -> bytes:
            bucket = f"fresh-bucket-{next(_fresh)}"
            first, second = archive_on(self.server, bucket=bucket), archive_on(self.server, bucket=bucket)
            await asyncio.gather(first.open(), second.open())
            await first.put("a", b"data")
            data = await second.get("a")
            first.close()
            second.close()
            return data

        assert asyncio.run(run()) == b"data"

    def test_wrong_keys_stop_the_start_with_one_line(self) -> None:
        archive = archive_on(self.server, secret_key="not-the-secret")
        with pytest.raises(StartupError, match=r"^object store at http://127\S+ refuses the keys given: [^\n]+$"):
            asyncio.run(archive.open())
        archive.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unreachable() -> MinioArchive:
    endpoint = f"http://127.0.0.1:{closed_port()}"
    settings = S3Settings(endpoint=endpoint, bucket="stator", access_key="a-key", secret_key="a-secret")
    return MinioArchive(settings)


@pytest.mark.parametrize("call", ["open", "put", "get", "list", "delete"])
def test_a_store_that_went_away_is_an_os_error(call: str) -> None:
    archive = unreachable()
    arguments: dict[str, tuple[str | bytes, ...]] = {"open": (), "put": ("name", b"data")}
    with pytest.raises(OSError, match="127"):
        asyncio.run(getattr(archive, call)(*arguments.get(call, ("name",))))
    archive.close()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://127.0.0.1", "http://", ""])
def test_an_endpoint_that_is_no_url_stops_the_start(endpoint: str) -> None:
    settings = S3Settings(endpoint=endpoint, bucket="stator", access_key="a-key", secret_key="a-secret")
    with pytest.raises(StartupError, match="is not a http"):
        MinioArchive(settings)


@pytest.mark.parametrize("bucket", ["", "x", "with space"])
def test_a_bucket_that_cannot_have_its_name_stops_the_start_with_one_line(bucket: str) -> None:
    endpoint = f"http://127.0.0.1:{closed_port()}"
    archive = MinioArchive(S3Settings(endpoint=endpoint, bucket=bucket, access_key="a-key", secret_key="a-secret"))
    with pytest.raises(StartupError, match=rf"^object store bucket '{bucket}': [^\n]+$"):
        asyncio.run(archive.open())
    archive.close()
