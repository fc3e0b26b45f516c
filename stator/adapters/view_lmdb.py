"""All LMDB views of one process, in a directory of their own; what one view is: `view_lmdb_store.py`.

Views are a cache of the log: whatever is wrong with the files of one, it is discarded and comes back from the log.
"""

import os
import shutil
from pathlib import Path

import lmdb
import structlog

from stator.adapters.boot_mark import BootMark, this_boot
from stator.adapters.directory_lock import DirectoryLock
from stator.adapters.lmdb_environment import DAMAGED, translated
from stator.adapters.view_lmdb_store import LmdbView
from stator.model.errors import DamagedDataError

_log = structlog.get_logger()

MAP_BYTES = 64 * 1024**3
"""Address space per view; some 2,000 fit into 47 bits, and more are opened with less each."""


class LmdbViews:
    """All views of one process, in a directory of their own."""

    def __init__(self, directory: Path, *, map_bytes: int = MAP_BYTES, boot_id: str | None = None) -> None:
        """`boot_id`: the real one unless a test sets it. Raises StartupError when the directory is not usable."""
        self._directory = directory
        self._map_bytes = map_bytes
        self._views: dict[int, LmdbView] = {}
        self._lock = DirectoryLock(directory)
        self._mark = BootMark(directory / "boot.json", this_boot() if boot_id is None else boot_id)
        if not self._mark.trusts_files():
            self._discard_all()
        self._mark.write(clean=False)

    def _discard_all(self) -> None:
        found = [entry for entry in self._directory.iterdir() if entry.is_dir()]
        for folder in found:
            shutil.rmtree(folder)
        if found:
            _log.warning("views_discarded", views=len(found), reason="the machine stopped before they were synced")

    def _folder(self, log_id: int) -> Path:
        return self._directory / f"{log_id:08d}"

    def open(self, log_id: int) -> LmdbView:
        """See `Views.open`."""
        view = self._views.get(log_id)
        if view is None:
            view = self._views[log_id] = self._opened(log_id)
        return view

    def _opened(self, log_id: int) -> LmdbView:
        folder = self._folder(log_id)
        try:
            return LmdbView(folder, self._map_bytes, lambda: self._forget(log_id))
        except (DamagedDataError, *DAMAGED) as error:
            _log.warning("view_discarded", log_id=log_id, reason=str(error))
            shutil.rmtree(folder)
            return LmdbView(folder, self._map_bytes, lambda: self._forget(log_id))
        except lmdb.Error as error:
            raise translated(error) from error

    def _forget(self, log_id: int) -> None:
        self._views.pop(log_id, None)

    def drop(self, log_id: int) -> None:
        """See `Views.drop`."""
        if view := self._views.get(log_id):
            view.close()
        shutil.rmtree(self._folder(log_id), ignore_errors=True)

    def close(self) -> None:
        """See `Views.close`. Syncs everything, so that the next boot can trust it."""
        try:
            for view in list(self._views.values()):
                view.close()
            for file in self._directory.glob("*/data.mdb"):
                _sync(file)
            self._mark.write(clean=True)
        finally:
            self._lock.release()


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
