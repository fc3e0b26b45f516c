"""The archive as a directory: one file an object, for standalone.

A file gets its name only when all its bytes are on disk (write aside, fsync, rename, fsync the folder), so that a crash
leaves whole objects and files ending in `.tmp`, never half an object under its name.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TypeVar

from stator.model.errors import StartupError
from stator.ports.archive import ObjectNotFoundError

Result = TypeVar("Result")

_UNFINISHED = ".tmp"


class DirectoryArchive:
    """Objects under one directory, which is made if missing. File calls run in a thread of their own."""

    def __init__(self, directory: Path) -> None:
        """Raises StartupError when the directory cannot be made or written."""
        self._root = directory
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._numbers = count()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._put(".writable", b"")
            self._delete(".writable")
        except OSError as error:
            raise StartupError(f"archive directory {directory} cannot be written: {error.strerror}") from error

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
        await self._run(lambda: self._delete(name))

    def close(self) -> None:
        """Wait for calls under way and end the thread."""
        self._threads.shutdown()

    async def _run(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _path(self, name: str) -> Path:
        path = self._root / name
        assert ".." not in path.parts, name
        return path

    def _put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        self._make_folder(path.parent)
        aside = path.with_name(f"{path.name}.{os.getpid()}-{next(self._numbers)}{_UNFINISHED}")
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and its missing parents, each entered durably in the one above."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    def _get(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise ObjectNotFoundError(name) from None

    def _list(self, prefix: str) -> Sequence[str]:
        folder = self._path(prefix.rpartition("/")[0])
        files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != _UNFINISHED)
        names = (path.relative_to(self._root).as_posix() for path in files)
        return sorted(name for name in names if name.startswith(prefix))

    def _delete(self, name: str) -> None:
        path = self._path(name)
        if path.exists():
            path.unlink()
            _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
