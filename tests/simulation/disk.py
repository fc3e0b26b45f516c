"""One machine's disk: it fills up, and its machine dies at a commit, just before it or just after."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from errno import ENOSPC
from typing import ParamSpec, TypeVar

from stator.adapters.view_memory import MemoryView, MemoryViewStore
from stator.model.positions import LogPosition
from stator.ports.view import Change
from stator.rules.local_rows import LocalLayout
from stator.rules.request_tokens import Token
from tests.simulation.loop import KilledError

P = ParamSpec("P")
T = TypeVar("T")

UNDO_APPLIES_MAX = 8
"""How many applies to each view a loss of power takes back at most."""


class FaultyDisk(MemoryViewStore):
    """Every change of a view is a commit of its own, and each of them is where something may happen."""

    def __init__(self) -> None:
        super().__init__(undo_applies_max=UNDO_APPLIES_MAX)
        self.full = False
        self._left = 0
        self._die: Callable[[], None] = self.heal
        self._made = False

    def open(self, log_id: int) -> MemoryView:
        """See `MemoryViewStore.open`."""
        if log_id not in self._views:
            self._views[log_id] = FaultyView(self)
        return self._views[log_id]

    def doom(self, commits: int, die: Callable[[], None], *, made: bool) -> None:
        """Call `die` at the last of so many commits; `made`: right after it, and not right before."""
        self._left, self._die, self._made = commits, die, made

    def heal(self) -> None:
        """All is well."""
        self.full = False
        self._left = 0

    def commit(self, change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make one. Raises OSError when the disk is full, and KilledError when the process dies here."""
        if self.full:
            raise OSError(ENOSPC, "no space left on device")
        last = self._left == 1
        self._left = max(0, self._left - 1)
        if last and not self._made:
            self._die()
            raise KilledError
        done = change(*args, **kwargs)
        if last:
            self._die()
            raise KilledError
        return done


class FaultyView(MemoryView):
    """One view on such a disk."""

    def __init__(self, disk: FaultyDisk) -> None:
        super().__init__(UNDO_APPLIES_MAX)
        self._disk = disk

    def apply(self, changes: Sequence[Change], position: LogPosition, tokens: Sequence[Token] = ()) -> None:
        """See `ViewWriter.apply`."""
        self._disk.commit(super().apply, changes, position, tokens)

    def install(self, items: Iterable[Change], position: LogPosition) -> None:
        """See `ViewWriter.install`."""
        self._disk.commit(super().install, items, position)

    def lay_out(self, layout: LocalLayout) -> None:
        """See `ViewWriter.lay_out`."""
        self._disk.commit(super().lay_out, layout)

    def derive(self) -> Iterator[None]:
        """See `ViewWriter.derive`."""
        steps = super().derive()
        while self._disk.commit(next, steps, steps) is not steps:
            yield

    def discard(self) -> None:
        """See `ViewWriter.discard`."""
        self._disk.commit(super().discard)
