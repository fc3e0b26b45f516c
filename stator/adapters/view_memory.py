"""Views in memory: the twin that tests and the simulator run on.

A `MemoryViewStore` is the disk: it outlives `MemoryViews`, a process's handle on it. A killed process loses nothing
(the page cache stays); a crashed machine loses what was not synced. `lose_applies` and `lose_view` do that to one view
on purpose.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from sortedcontainers import SortedDict

from stator.model.positions import LogPosition
from stator.ports.view import Change, DerivedRow, StoredItem
from stator.rules.local_rows import LaidOut, LocalLayout, RowMoves, row_moves, rows_due
from stator.rules.request_tokens import Carried, Token, generation

_DERIVE_ITEMS = 64
"""One step of `derive`."""


class _Undo(NamedTuple):
    position: LogPosition
    laid: LaidOut
    tokens: dict[int, dict[bytes, Carried]]
    before: list[Change]


class MemoryView:
    """One view. `ViewWriter` has the promises."""

    def __init__(self, undo_applies_max: int) -> None:
        self._items: SortedDict[bytes, StoredItem] = SortedDict()
        self._rows: SortedDict[bytes, bytes] = SortedDict()
        self._position = LogPosition()
        self._laid = LaidOut()
        self._tokens: dict[int, dict[bytes, Carried]] = {}
        """By generation. Never changed, only replaced."""
        self._undo: deque[_Undo] = deque(maxlen=undo_applies_max)

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
        item: StoredItem | None = self._items.get(key)
        return item

    def scan(
        self, low: bytes, high: bytes | None, *, reverse: bool = False
    ) -> Generator[tuple[bytes, StoredItem], None, None]:
        """See `ViewReader.scan`."""
        for key in _between(self._items, low, high, reverse=reverse):
            yield key, self._items[key]

    def rows(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Generator[DerivedRow, None, None]:
        """See `ViewReader.rows`."""
        for key in _between(self._rows, low, high, reverse=reverse):
            item_key = self._rows[key]
            yield DerivedRow(key, item_key, self._items[item_key])

    def carried(self, token: bytes) -> Carried | None:
        """See `ViewReader.carried`."""
        for _, known in sorted(self._tokens.items(), reverse=True):
            if token in known:
                return known[token]
        return None

    @contextmanager
    def snapshot(self) -> Iterator[tuple[LogPosition, Iterator[tuple[bytes, StoredItem]]]]:
        """See `ViewReader.snapshot`."""
        yield self._position, iter(list(self._items.items()))

    def apply(self, changes: Sequence[Change], position: LogPosition, tokens: Sequence[Token] = ()) -> None:
        """See `ViewWriter.apply`."""
        self._keep([Change(key, self._items.get(key)) for key, _ in changes])
        self._write(changes)
        self._remember(tokens, generation(position.timestamp_us))
        self._position = position

    def install(self, items: Iterable[Change], position: LogPosition) -> None:
        """See `ViewWriter.install`."""
        self.clear()
        try:
            self._write(items)
        except BaseException:
            self.clear()
            raise
        self._position = position

    def lay_out(self, layout: LocalLayout) -> None:
        """See `ViewWriter.lay_out`."""
        self._laid = self._laid.followed_by(layout)

    def derive(self) -> Iterator[None]:
        """See `ViewWriter.derive`."""
        laid, low = self._laid, b""
        while keys := list(islice(_between(self._items, low, None), _DERIVE_ITEMS)):
            for key in keys:
                self._move_rows(key, rows_due(laid, key, self._items[key].image))
            low = keys[-1] + b"\0"
            yield
            if self._laid is not laid:
                return
        self._laid = LaidOut(laid.layout)

    def discard(self) -> None:
        """See `ViewWriter.discard`."""
        self.clear()

    def close(self) -> None:
        """See `ViewWriter.close`."""

    def clear(self) -> None:
        """Be empty, at offset 0."""
        self._items.clear()
        self._rows.clear()
        self._undo.clear()
        self._tokens = {}
        self._position = LogPosition()
        self._laid = LaidOut()

    def lose_applies(self, count: int) -> int:
        """Take the last `count` applies back, as far as they are remembered; returns how many were."""
        lost = min(count, len(self._undo))
        for _ in range(lost):
            self._position, self._laid, self._tokens, before = self._undo.pop()
            self._write(reversed(before))
        if lost:
            self._rows.clear()
            for key, item in self._items.items():
                self._move_rows(key, row_moves(self._laid, key, None, item.image))
        return lost

    def _keep(self, before: list[Change]) -> None:
        if self._undo.maxlen:
            self._undo.append(_Undo(self._position, self._laid, self._tokens, before))

    def _remember(self, tokens: Sequence[Token], now: int) -> None:
        known = {born: held for born, held in self._tokens.items() if born >= now - 1}
        for token, carried in tokens:
            born = generation(carried.timestamp_us)
            if born >= now - 1:
                known[born] = {**known.get(born, {}), token: carried}
        self._tokens = known

    def _write(self, changes: Iterable[Change]) -> None:
        for key, item in changes:
            old = self._items.get(key)
            images = (None if one is None else one.image for one in (old, item))
            self._move_rows(key, row_moves(self._laid, key, *images))
            if item is None:
                self._items.pop(key, None)
            else:
                self._items[key] = item

    def _move_rows(self, key: bytes, moves: RowMoves) -> None:
        for row in moves.gone:
            self._rows.pop(row, None)
        for row in moves.come:
            self._rows[row] = key


def _between(keys: Any, low: bytes, high: bytes | None, *, reverse: bool = False) -> Iterator[bytes]:
    if high is None or low < high:
        yield from keys.irange(low, high, inclusive=(True, False), reverse=reverse)


class MemoryViewStore:
    """What survives a process. `undo_applies_max`: how many applies per view a machine crash can take back."""

    def __init__(self, *, undo_applies_max: int = 0) -> None:
        self._undo_applies_max = undo_applies_max
        self._views: dict[int, MemoryView] = {}

    def open(self, log_id: int) -> MemoryView:
        """The view of a log, made empty if there is none."""
        if log_id not in self._views:
            self._views[log_id] = MemoryView(self._undo_applies_max)
        return self._views[log_id]

    def lose_applies(self, log_id: int, count: int) -> int:
        """A machine crash that loses a view's last applies but keeps it whole; returns how many were lost."""
        return self.open(log_id).lose_applies(count)

    def lose_view(self, log_id: int) -> None:
        """A machine crash after which the view cannot be trusted: it comes back empty."""
        self._views.pop(log_id, None)


class MemoryViews:
    """One process's views."""

    def __init__(self, store: MemoryViewStore | None = None) -> None:
        self._store = store or MemoryViewStore()

    def open(self, log_id: int) -> MemoryView:
        """See `Views.open`."""
        return self._store.open(log_id)

    def drop(self, log_id: int) -> None:
        """See `Views.drop`."""
        self._store.lose_view(log_id)

    def close(self) -> None:
        """See `Views.close`."""
