"""A file system for one process's data that is small enough to be filled to the last byte, and emptied again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "256m"
_CHUNK_BYTES = 64 * 1024


class SmallDisk:
    """A mounted directory. `fill` leaves no room for anybody; `empty` gives all of it back."""

    def __init__(self, directory: Path) -> None:
        self._ballast = directory / "ballast"

    def fill(self) -> None:
        """Leave less room than a page."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (_CHUNK_BYTES, 1):
                try:
                    while ballast.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(directory: Path) -> Iterator[SmallDisk | None]:
    """A disk mounted over a directory, for the time of a `with`; None where that is not allowed. Nobody may use what is there."""
    mounted = os.geteuid() == 0 and _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(directory))
    try:
        yield SmallDisk(directory) if mounted else None
    finally:
        if mounted:
            assert _run("umount", str(directory)), f"{directory} is still in use"


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
