"""Views in LMDB, one environment per log, the position in the same transaction as the items.

Nothing is synced while running: a killed process loses nothing, and after a crash of the machine the views are
discarded (`boot_mark.py`) and come back from the log. So never acknowledge a write because it is in a view. Engine 1
holds keys of 1,978 bytes, enough for every stored key as it is (docs/decisions/0003-lmdb-engine-1.md).
"""

import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmdb
import structlog

from stator.adapters.boot_mark import BootMark, this_boot
from stator.adapters.directory_lock import DirectoryLock
from stator.adapters.lmdb_environment import DAMAGED, open_environment, translated
from stator.codec.view_values import decode_item, decode_position, encode_item, encode_position
from stator.model.errors import DamagedDataError
from stator.model.positions import LogPosition
from stator.ports.view import Change, StoredItem

_log = structlog.get_logger()

ENGINE = 1
MAP_BYTES = 64 * 1024**3
"""Address space per view; some 2,000 fit into 47 bits, and more are opened with less each."""

_POSITION_KEY = b"position"
_INSTALL_BYTES = 4 * 1024 * 1024
"""One transaction of an install: large enough to pay its commit, small enough to keep its dirty pages in memory."""


class LmdbView:
    """One view. `ViewWriter` has the promises."""

    def __init__(self, path: Path, map_bytes: int, on_close: Callable[[], None]) -> None:
        """Raises DamagedDataError or one of `lmdb_environment.DAMAGED` when the view has to be discarded."""
        self._on_close = on_close
        self._env = open_environment(path, engine=ENGINE, map_bytes=map_bytes, sub_databases=2, sync=False)
        try:
            self._items = self._env.open_db(b"items")
            self._meta = self._env.open_db(b"meta")
            self._position = self._stored_position()
        except BaseException:
            self._env.close()
            raise

    def _stored_position(self) -> LogPosition:
        with self._env.begin() as txn:
            stored = txn.get(_POSITION_KEY, db=self._meta)
            if stored is not None:
                return decode_position(stored)
            if txn.stat(self._items)["entries"]:
                raise DamagedDataError("it holds items but no position: an install was cut short")
            return LogPosition()

    @property
    def position(self) -> LogPosition:
        """See `ViewReader.position`."""
        return self._position

    def get(self, key: bytes) -> StoredItem | None:
        """See `ViewReader.get`."""
        try:
            with self._env.begin(db=self._items) as txn:
                value = txn.get(key)
        except lmdb.Error as error:
            raise translated(error) from error
        return None if value is None else StoredItem(*decode_item(value))

    def scan(
        self,
        low: bytes,
        high: bytes | None,
        *,
        reverse: bool = False,
    ) -> Generator[tuple[bytes, StoredItem], None, None]:
        """See `ViewReader.scan`."""
        try:
            with self._env.begin(db=self._items) as txn, txn.cursor() as cursor:
                rows = _down(cursor, low, high) if reverse else _up(cursor, low, high)
                for key, value in rows:
                    yield key, StoredItem(*decode_item(value))
        except lmdb.Error as error:
            raise translated(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[tuple[LogPosition, Iterator[tuple[bytes, StoredItem]]]]:
        """See `ViewReader.snapshot`."""
        try:
            with self._env.begin(db=self._items) as txn, txn.cursor() as cursor:
                yield self._position, ((key, StoredItem(*decode_item(value))) for key, value in _up(cursor, b"", None))
        except lmdb.Error as error:
            raise translated(error) from error

    def apply(self, changes: Sequence[Change], position: LogPosition) -> None:
        """See `ViewWriter.apply`."""
        try:
            with self._env.begin(write=True, db=self._items) as txn:
                _write(txn, changes)
                txn.put(_POSITION_KEY, encode_position(position), db=self._meta)
        except lmdb.Error as error:
            raise translated(error) from error
        self._position = position

    def install(self, items: Iterable[Change], position: LogPosition) -> None:
        """See `ViewWriter.install`."""
        self._clear()
        try:
            for piece in _pieces(items):
                with self._env.begin(write=True, db=self._items) as txn:
                    _write(txn, piece)
        except lmdb.Error as error:
            self._clear()
            raise translated(error) from error
        except BaseException:
            self._clear()
            raise
        self.apply([], position)

    def _clear(self) -> None:
        self._position = LogPosition()
        with self._env.begin(write=True) as txn:
            txn.delete(_POSITION_KEY, db=self._meta)
            txn.drop(self._items, delete=False)

    def close(self) -> None:
        """See `ViewWriter.close`."""
        self._env.close()
        self._on_close()


def _write(txn: lmdb.Transaction, changes: Iterable[Change]) -> None:
    for key, item in changes:
        if item is None:
            txn.delete(key)
        else:
            txn.put(key, encode_item(item.timestamp_us, item.image))


def _up(cursor: "lmdb.Cursor[bytes]", low: bytes, high: bytes | None) -> Iterator[tuple[bytes, bytes]]:
    if not (cursor.set_range(low) if low else cursor.first()):
        return
    for key, value in cursor.iternext():
        if high is not None and key >= high:
            return
        yield key, value


def _down(cursor: "lmdb.Cursor[bytes]", low: bytes, high: bytes | None) -> Iterator[tuple[bytes, bytes]]:
    if high == b"":
        return
    if not (cursor.prev() if high is not None and cursor.set_range(high) else cursor.last()):
        return
    for key, value in cursor.iterprev():
        if key < low:
            return
        yield key, value


def _pieces(items: Iterable[Change]) -> Iterator[list[Change]]:
    piece: list[Change] = []
    piece_bytes = 0
    for change in items:
        piece.append(change)
        piece_bytes += len(change.key) + (len(change.item.image) if change.item else 0)
        if piece_bytes >= _INSTALL_BYTES:
            yield piece
            piece, piece_bytes = [], 0
    yield piece


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
