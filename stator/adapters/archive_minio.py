"""The archive as a bucket of any S3 endpoint, through the MinIO SDK.

The SDK blocks, so calls run in a few threads of their own. Everything it raises for a store that cannot be reached, or
cannot do what was asked, becomes OSError: callers keep what they have and try again.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from stator.model.errors import StartupError
from stator.ports.archive import ObjectNotFoundError

Result = TypeVar("Result")

_PART_BYTES = 64 * 1024 * 1024
"""Objects up to this size go in one request; ours are smaller, except a segment that holds one huge message."""

_REFUSALS = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where the bucket is. `endpoint` is a http(s) URL; `timeout_s` bounds connecting and each wait for bytes."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    threads: int = 4
    timeout_s: float = 10.0


class MinioArchive:
    """Objects in one bucket. Call `open` before anything else."""

    def __init__(self, settings: S3Settings) -> None:
        """Raises StartupError when the endpoint is not a URL; connects to nothing yet."""
        url = urlsplit(settings.endpoint)
        if url.scheme not in {"http", "https"} or not url.netloc:
            raise StartupError(f"object store endpoint {settings.endpoint!r} is not a http:// or https:// URL")
        self._settings = settings
        self._threads = ThreadPoolExecutor(max_workers=settings.threads, thread_name_prefix="archive")
        # No retries below ours: the SDK's own would hide an outage for minutes.
        self._http = urllib3.PoolManager(
            maxsize=settings.threads,
            timeout=urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s),
            retries=urllib3.Retry(total=0),
        )
        self._client = Minio(
            url.netloc,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=url.scheme == "https",
            region=settings.region,
            http_client=self._http,
        )

    async def open(self) -> None:
        """Make the bucket if it is missing.

        Raises StartupError when the bucket's name is none or the store refuses us, OSError when it does not answer: one that
        was started a moment ago refuses connections, then answers 503.
        """
        try:
            await self._run(self._make_bucket)
        except PermissionError as error:
            raise StartupError(f"object store at {self._settings.endpoint} refuses the keys given: {error}") from error
        except ValueError as error:
            raise StartupError(f"object store bucket {self._settings.bucket!r}: {error}") from error

    async def put(self, name: str, data: bytes) -> None:
        """See ports/archive.py."""
        await self._run(lambda: self._put(name, data))

    async def get(self, name: str) -> bytes:
        """See ports/archive.py."""
        return await self._run(lambda: self._get(name))

    async def list(self, prefix: str) -> Sequence[str]:
        """See ports/archive.py."""
        return await self._run(lambda: self._list(prefix))

    async def delete(self, name: str) -> None:
        """See ports/archive.py."""
        await self._run(lambda: self._client.remove_object(self._settings.bucket, name))

    def close(self) -> None:
        """Wait for calls under way, then drop threads and connections."""
        self._threads.shutdown()
        self._http.clear()

    async def _run(self, call: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise ObjectNotFoundError(error.object_name) from error
            refused = error.response.status in _REFUSALS
            raise (PermissionError if refused else OSError)(f"{error.code}: {error.message}") from error
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise OSError(str(error)) from error

    def _make_bucket(self) -> None:
        if self._client.bucket_exists(self._settings.bucket):
            return
        try:
            self._client.make_bucket(self._settings.bucket)
        except S3Error as error:
            # Another process of the deployment was faster.
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def _put(self, name: str, data: bytes) -> None:
        self._client.put_object(self._settings.bucket, name, BytesIO(data), len(data), part_size=_PART_BYTES)

    def _get(self, name: str) -> bytes:
        response = self._client.get_object(self._settings.bucket, name)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def _list(self, prefix: str) -> Sequence[str]:
        found = self._client.list_objects(self._settings.bucket, prefix=prefix, recursive=True)
        return sorted(entry.object_name for entry in found if entry.object_name is not None)
