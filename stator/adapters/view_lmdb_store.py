"""One view in LMDB: an environment of its own, position, derived rows and tokens in the same transaction as the items.

Nothing is synced while running: a killed process loses nothing, and after a crash of the machine the views are
discarded (`boot_mark.py`) and come back from the log. So never acknowledge a write because it is in a view. Engine 1
holds keys of 1,978 bytes, enough for every stored key as it is (docs/decisions/0003-lmdb-engine-1.md).
"""

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmdb

from stator.adapters.lmdb_environment import open_environment, translated
from stator.codec.view_values import (
    decode_carried,
    decode_item,
    decode_layouts,
    decode_position,
    encode_carried,
    encode_item,
    encode_layouts,
    encode_position,
)
from stator.model.errors import DamagedDataError
from stator.model.positions import LogPosition
from stator.ports.view import Change, DerivedRow, StoredItem
from stator.rules.local_rows import NO_ROWS, LaidOut, LocalLayout, RowMoves, row_moves, rows_due
from stator.rules.request_tokens import Carried, Token, generation

ENGINE = 1
_POSITION_KEY = b"position"
_LAYOUTS_KEY = b"layouts"
_INSTALL_BYTES = 4 * 1024 * 1024
"""One transaction of an install: large enough to pay its commit, small enough to keep its dirty pages in memory."""
_DERIVE_ITEMS = 64
_DERIVE_BYTES = 128 * 1024
"""One step of `derive`, whichever comes first: some 2 ms."""


class LmdbView:
    """One view. `ViewWriter` has the promises."""

    def __init__(self, path: Path, map_bytes: int, on_close: Callable[[], None]) -> None:
        """Raises DamagedDataError or one of `lmdb_environment.DAMAGED` when the view has to be discarded."""
        self._path = path
        self._map_bytes = map_bytes
        self._on_close = on_close
        self._open()

    def _open(self) -> None:
        self._env = open_environment(self._path, engine=ENGINE, map_bytes=self._map_bytes, sub_databases=5, sync=False)
        try:
            self._items = self._env.open_db(b"items")
            self._rows = self._env.open_db(b"rows")
            self._meta = self._env.open_db(b"meta")
            self._tokens = (self._env.open_db(b"tokens of even generations"), self._env.open_db(b"tokens of odd ones"))
            self._position = self._stored_position()
            self._laid = self._stored_layouts()
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

    def _stored_layouts(self) -> LaidOut:
        with self._env.begin(db=self._meta) as txn:
            stored = txn.get(_LAYOUTS_KEY)
        return LaidOut() if stored is None else decode_layouts(stored)

    @property
    def position(self) -> LogPosition:
        """See `ViewReader.position`."""
        return self._position

    @property
    def layout(self) -> LocalLayout:
        """See `ViewReader.layout`."""
        return self._laid.layout

    @property
    def derived(self) -> bool:
        """See `ViewReader.derived`."""
        return self._laid.derived

    def get(self, key: bytes) -> StoredItem | None:
        """See `ViewReader.get`."""
        try:
            with self._env.begin(db=self._items) as txn:
                value = txn.get(key)
        except lmdb.Error as error:
            raise translated(error) from error
        return None if value is None else _stored(key, value)

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
                    yield key, _stored(key, value)
        except lmdb.Error as error:
            raise translated(error) from error

    def rows(
        self,
        low: bytes,
        high: bytes | None,
        *,
        reverse: bool = False,
    ) -> Generator[DerivedRow, None, None]:
        """See `ViewReader.rows`."""
        try:
            with self._env.begin(db=self._rows) as txn, txn.cursor() as cursor:
                found = _down(cursor, low, high) if reverse else _up(cursor, low, high)
                for key, item_key in found:
                    value = txn.get(item_key, db=self._items)
                    if value is None:
                        raise DamagedDataError(f"the derived row {key.hex()} leads to no item")
                    yield DerivedRow(key, item_key, _stored(item_key, value))
        except lmdb.Error as error:
            raise translated(error) from error

    def carried(self, token: bytes) -> Carried | None:
        """See `ViewReader.carried`."""
        now = generation(self._position.timestamp_us)
        try:
            with self._env.begin() as txn:
                value = txn.get(token, db=self._tokens[now % 2]) or txn.get(token, db=self._tokens[(now - 1) % 2])
        except lmdb.Error as error:
            raise translated(error) from error
        return None if value is None else decode_carried(value)

    @contextmanager
    def snapshot(self) -> Iterator[tuple[LogPosition, Iterator[tuple[bytes, StoredItem]]]]:
        """See `ViewReader.snapshot`."""
        try:
            with self._env.begin(db=self._items) as txn, txn.cursor() as cursor:
                yield self._position, ((key, _stored(key, value)) for key, value in _up(cursor, b"", None))
        except lmdb.Error as error:
            raise translated(error) from error

    def apply(self, changes: Sequence[Change], position: LogPosition, tokens: Sequence[Token] = ()) -> None:
        """See `ViewWriter.apply`."""
        try:
            with self._env.begin(write=True, db=self._items) as txn:
                self._write(txn, changes)
                self._remember(txn, tokens, generation(position.timestamp_us))
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
                    self._write(txn, piece)
        except lmdb.Error as error:
            self._clear()
            raise translated(error) from error
        except BaseException:
            self._clear()
            raise
        self.apply([], position)

    def _clear(self) -> None:
        self._position = LogPosition()
        self._laid = LaidOut()
        with self._env.begin(write=True) as txn:
            for tokens in self._tokens:
                txn.drop(tokens, delete=False)
            txn.drop(self._meta, delete=False)
            txn.drop(self._rows, delete=False)
            txn.drop(self._items, delete=False)

    def lay_out(self, layout: LocalLayout) -> None:
        """See `ViewWriter.lay_out`."""
        self._lay(self._laid.followed_by(layout))

    def derive(self) -> Iterator[None]:
        """See `ViewWriter.derive`."""
        laid = self._laid
        low: bytes | None = b""
        while low is not None:
            try:
                with self._env.begin(write=True, db=self._items) as txn:
                    low = self._derive_from(txn, low)
            except lmdb.Error as error:
                raise translated(error) from error
            yield
            if self._laid is not laid:
                return
        self._lay(LaidOut(laid.layout))

    def _lay(self, laid: LaidOut) -> None:
        if laid == self._laid:
            return
        try:
            with self._env.begin(write=True, db=self._meta) as txn:
                txn.put(_LAYOUTS_KEY, encode_layouts(laid))
        except lmdb.Error as error:
            raise translated(error) from error
        self._laid = laid

    def _derive_from(self, txn: "lmdb.Transaction[bytes]", low: bytes) -> bytes | None:
        """Derive the rows of some items from `low` on; where to go on, or None at the end."""
        derived = derived_bytes = 0
        with txn.cursor() as cursor:
            for key, value in _up(cursor, low, None):
                if derived >= _DERIVE_ITEMS or derived_bytes >= _DERIVE_BYTES:
                    return key
                self._move_rows(txn, key, rows_due(self._laid, key, decode_item(key, value)[1]))
                derived += 1
                derived_bytes += len(value)
        return None

    def _write(self, txn: "lmdb.Transaction[bytes]", changes: Iterable[Change]) -> None:
        derives = self._laid.layout != NO_ROWS or not self._laid.derived
        for key, item in changes:
            if derives:
                old = txn.get(key)
                before = None if old is None else decode_item(key, old)[1]
                self._move_rows(txn, key, row_moves(self._laid, key, before, None if item is None else item.image))
            if item is None:
                txn.delete(key)
            else:
                txn.put(key, encode_item(key, item.timestamp_us, item.image))

    def _move_rows(self, txn: "lmdb.Transaction[bytes]", key: bytes, moves: RowMoves) -> None:
        for row in moves.gone:
            txn.delete(row, db=self._rows)
        for row in moves.come:
            txn.put(row, key, db=self._rows)

    def _remember(self, txn: "lmdb.Transaction[bytes]", tokens: Sequence[Token], now: int) -> None:
        """Each of the two sub-databases holds one generation: what was in the one of generation `now` is older than `now` - 1."""
        before = generation(self._position.timestamp_us)
        for entered in range(max(before, now - 2) + 1, now + 1):
            txn.drop(self._tokens[entered % 2], delete=False)
        for token, carried in tokens:
            born = generation(carried.timestamp_us)
            if born >= now - 1:
                txn.put(token, encode_carried(carried), db=self._tokens[born % 2])

    def discard(self) -> None:
        """See `ViewWriter.discard`."""
        self._env.close()
        shutil.rmtree(self._path, ignore_errors=True)
        try:
            self._open()
        except lmdb.Error as error:
            raise translated(error) from error

    def close(self) -> None:
        """See `ViewWriter.close`."""
        self._env.close()
        self._on_close()


def _stored(key: bytes, value: bytes) -> StoredItem:
    return StoredItem(*decode_item(key, value))


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
