"""Changes on their way into a view, and the totals that the view will have with them. Whoever folds a log folds through this:
replicas, and restores that rebuild a past state.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from stator.model.errors import DamagedDataError
from stator.model.positions import LogPosition, Mark, Offset, TimestampUs
from stator.model.records import Effect
from stator.ports.view import Change, StoredItem, ViewReader, ViewWriter
from stator.rules.evolve import digest_after
from stator.rules.request_tokens import Token


class GatheredChanges:
    """The newest state of each key changed since the view was last written to. Give the view all of it at once."""

    def __init__(self, view: ViewReader) -> None:
        self._view = view
        self._states: dict[bytes, StoredItem | None] = {}
        self.restart()

    def __len__(self) -> int:
        return len(self._states)

    def restart(self) -> None:
        """Forget what has gathered and go on from what the view holds."""
        self._states.clear()
        start = self._view.position
        self._digest, self._items, self._item_bytes = start.digest, start.items, start.item_bytes

    def add_effect(self, effect: Effect) -> None:
        """One write's effect. Raises DamagedDataError when it did not find the item that it says it found: the log lacks something,
        or the view has drifted from it.
        """
        found = self.add(effect.key, effect.new, effect.timestamp_us)
        if found != effect.old:
            raise DamagedDataError(
                f"the effect of {effect.timestamp_us} on key {effect.key.hex()} did not find the item that it says it found"
            )

    def add(self, key: bytes, image: bytes | None, timestamp_us: TimestampUs) -> bytes | None:
        """Put (None: delete) one item; the image it had."""
        old = self._states[key] if key in self._states else self._view.get(key)
        found = None if old is None else old.image
        self._digest = digest_after(self._digest, key, found, image)
        self._items += (image is not None) - (found is not None)
        self._item_bytes += len(image or b"") - len(found or b"")
        self._states[key] = None if image is None else StoredItem(timestamp_us, image)
        return found

    def mark(self, offset: Offset) -> Mark:
        """What the view comes to with the changes, which are all those below `offset`."""
        return Mark(offset, self._digest, self._items, self._item_bytes)

    def total(self, position: LogPosition) -> LogPosition:
        """A position with the totals that the view has once it got the changes."""
        return replace(position, digest=self._digest, items=self._items, item_bytes=self._item_bytes)

    def flush(self, view: ViewWriter, position: LogPosition, tokens: Sequence[Token] = ()) -> None:
        """Hand everything to the view, which then stands at `position`."""
        view.apply([Change(key, item) for key, item in self._states.items()], position, tokens)
        self._states.clear()
