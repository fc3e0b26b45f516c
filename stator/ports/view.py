"""The materialized view of one log as a need: an ordered map of key bytes to items, and how far it has folded.

Reading and writing are two Protocols because only code that folds a log may write. `apply` has no way to change items
without saying at which position the view then stands: that is what makes replay idempotent (R3).

Beside its items a view keeps the rows that its *layout* derives from them (`rules/local_rows.py`), always in the same
transaction. What lay in the view before the layout gets its rows by `derive`, while the view goes on.

And it remembers for a while where requests were carried (`rules/request_tokens.py`), again in the same transaction.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from stator.model.positions import LogPosition, TimestampUs
from stator.rules.local_rows import LocalLayout
from stator.rules.request_tokens import Carried, Token


class StoredItem(NamedTuple):
    """An item as stored: its version (the timestamp of its last write) and canonical DynamoDB-JSON."""

    timestamp_us: TimestampUs
    image: bytes


class Change(NamedTuple):
    """Put (`item` set) or delete (`item` None) one key."""

    key: bytes
    item: StoredItem | None


class DerivedRow(NamedTuple):
    """A row, and the item that it was derived from."""

    key: bytes
    item_key: bytes
    item: StoredItem


class ItemReader(Protocol):
    """What requests are answered from. Sees committed state only; each call sees one consistent snapshot.

    Everything raises DamagedDataError for what does not have the checksum that it was stored with, but for `GuardedView`.
    """

    @property
    def position(self) -> LogPosition:
        """How far the view has folded its log."""
        ...

    def get(self, key: bytes) -> StoredItem | None:
        """The item under exactly this key."""
        ...

    def scan(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Iterator[tuple[bytes, StoredItem]]:
        """Items with low <= key < high (None: to the end) in key order, or from the greatest down.

        Keys compare as unsigned bytes. Close the iterator (or exhaust it) before the loop does anything else: it holds a
        read transaction.
        """
        ...

    def rows(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Generator[DerivedRow, None, None]:
        """Derived rows with low <= row key < high, each with its item, in the order of `scan`, and as little to be kept open.

        Until all is `derived`, rows that a new layout adds may be missing, and those that it no longer has may be shown.
        """
        ...

    def carried(self, token: bytes) -> Carried | None:
        """Where the newest request of this token was carried, if the view still knows: it does for `request_tokens.WINDOW_US`
        before its position's timestamp, and may know of older ones too.
        """
        ...


class ViewReader(ItemReader, Protocol):
    """And what only the keeper of a view asks of it."""

    @property
    def layout(self) -> LocalLayout:
        """Which rows the view derives from its items."""
        ...

    @property
    def derived(self) -> bool:
        """Whether it has done so for all of them: if not, call `derive`."""
        ...

    def snapshot(self) -> AbstractContextManager[tuple[LogPosition, Iterator[tuple[bytes, StoredItem]]]]:
        """The position now, and all items in key order as they are now, unmoved by what is applied meanwhile.

        Unlike a scan it may be read over many turns of the loop. Not for ever: while it is open, a view on disk cannot
        use the space again that changes set free.
        """
        ...


class ViewWriter(ViewReader, Protocol):
    """A view that may be changed; handed only to what folds the log."""

    def apply(self, changes: Sequence[Change], position: LogPosition, tokens: Sequence[Token] = ()) -> None:
        """Make the changes, remember the tokens and move to `position`, all or nothing. Later changes of the same key win, and
        later requests of the same token. None of them is newer than the position's timestamp.

        Digest, item count and bytes in `position` are taken as given by the caller.
        Raises OSError when the disk is full: nothing was changed.
        """
        ...

    def install(self, items: Iterable[Change], position: LogPosition) -> None:
        """Replace everything with `items` and stand at `position`. A crash half-way leaves an empty view at offset 0.

        No rows are derived from what is installed: the layout is empty until `lay_out`. No request is remembered.
        """
        ...

    def lay_out(self, layout: LocalLayout) -> None:
        """From now on derive the rows of this layout; rows of items that are there already are left to `derive`.

        Raises OSError when the disk is full: nothing was changed.
        """
        ...

    def derive(self) -> Iterator[None]:
        """Bring the rows of all items to the layout, in steps of a millisecond or two; at the end all is `derived`.

        Between two steps the view may be changed, and another layout put in force, which ends this without effect. Cut short, it
        has to be begun again, also by who opens the view next. Raises OSError when the disk is full, as if cut short.
        """
        ...

    def discard(self) -> None:
        """Throw everything away, files included, and be an empty view at offset 0: for one that turned out to be wrong.

        Whoever is in the middle of reading it gets an error. Raises OSError when no new files can be made; then call it again.
        """
        ...

    def close(self) -> None:
        """Give the files up."""
        ...


class Views(Protocol):
    """Where a process keeps its views, one per log."""

    def open(self, log_id: int) -> ViewWriter:
        """Open or create the view of a log. A view that cannot be trusted (host crash, other format) comes back empty."""
        ...

    def drop(self, log_id: int) -> None:
        """Forget a view and its files."""
        ...

    def close(self) -> None:
        """Close all views."""
        ...
