"""One process per data directory: a lock that the kernel gives back however the process ends."""

import fcntl
import os
from pathlib import Path

from stator.model.errors import StartupError

_LOCK_FILE = "lock"


class DirectoryLock:
    """Holds a directory from construction to `release` (or to the end of the process)."""

    def __init__(self, directory: Path) -> None:
        """Make the directory if needed and lock it. Raises StartupError, one line naming it, when that cannot be."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartupError(f"data directory {directory} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StartupError(f"data directory {directory} is in use by another process") from error

    def release(self) -> None:
        """Let others have it. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
