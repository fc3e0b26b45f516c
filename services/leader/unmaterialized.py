"""What has been decided and is not yet in the view: the leader's read-your-writes.

Each key's newest decided state (for deciding the next command) and its newest confirmed state (for answering reads) may both
be ahead of the view, and so may its knowledge of repeated requests (R18). An entry leaves once the view has folded the record
that carries it.
"""

from collections import deque
from collections.abc import Iterable

from stator.model.positions import Seq
from stator.model.records import Effect
from stator.ports.view import ItemReader, StoredItem
from stator.rules.request_tokens import token_of_effect


class Unmaterialized:
    """Decided states per key, in seq order, over a view."""

    def __init__(self, view: ItemReader) -> None:
        self._view = view
        self._states: dict[bytes, list[tuple[Seq, StoredItem | None]]] = {}
        self._keys: dict[Seq, list[bytes]] = {}
        self._carried: dict[bytes, tuple[Seq, Effect]] = {}
        self._tokens: dict[Seq, list[bytes]] = {}
        self._deleting: deque[Seq] = deque()
        self._deleted = Seq(0)

    def add(self, effect: Effect, seq: Seq) -> None:
        """The record `seq` will carry this effect."""
        state = None if effect.new is None else StoredItem(effect.timestamp_us, effect.new)
        self._states.setdefault(effect.key, []).append((seq, state))
        self._keys.setdefault(seq, []).append(effect.key)
        if state is None:
            self._deleting.append(seq)
        if effect.request_id:
            token = token_of_effect(effect)
            self._carried[token] = (seq, effect)
            self._tokens.setdefault(seq, []).append(token)

    def carried(self, token: bytes) -> tuple[Seq, Effect] | None:
        """What a request has already been decided to do, and the record that carries it; None unless it is on its way."""
        return self._carried.get(token)

    def newest(self, key: bytes) -> tuple[Seq | None, StoredItem | None]:
        """The newest decided state of a key and the record that carries it; None when the view already has it."""
        states = self._states.get(key)
        if states:
            return states[-1]
        return None, self._view.get(key)

    def confirmed(self, key: bytes, confirmed: Seq) -> StoredItem | None:
        """The newest state of a key that records up to `confirmed` leave."""
        for seq, state in reversed(self._states.get(key, ())):
            if seq <= confirmed:
                return state
        return self._view.get(key)

    def deleted(self, confirmed: Seq) -> Seq:
        """The last record up to `confirmed` that deleted anything; 0 before there was one. It never goes back."""
        while self._deleting and self._deleting[0] <= confirmed:
            self._deleted = self._deleting.popleft()
        return self._deleted

    def materialized(self, seq: Seq) -> None:
        """The view now holds everything up to the record `seq`."""
        for done in [waiting for waiting in self._keys if waiting <= seq]:
            for key in self._keys.pop(done):
                states = [entry for entry in self._states.get(key, ()) if entry[0] > seq]
                if states:
                    self._states[key] = states
                else:
                    self._states.pop(key, None)
            for token in self._tokens.pop(done, ()):
                if token in self._carried and self._carried[token][0] == done:
                    del self._carried[token]

    def clear(self) -> None:
        """Forget everything: the epoch is over and the view is the truth."""
        self._states.clear()
        self._keys.clear()
        self._carried.clear()
        self._tokens.clear()
        self._deleting.clear()
        self._deleted = Seq(0)

    @property
    def empty(self) -> bool:
        """Whether the view has everything that was decided."""
        return not self._keys


def latest(seqs: Iterable[Seq | None]) -> Seq | None:
    """The last record of those on which something rests; None if all of them are in the view."""
    return max((seq for seq in seqs if seq is not None), default=None)
