"""A partition's part in transactions over several: which are prepared here, what they hold, and who waits for their end (R14).

Items are held from when their Prepare is handed to the log until its Commit or Abort is; what the view still has open when an
epoch begins is held again. Not to break: nobody but the ledger ends what was voted for, and a strong read that finds a change
prepared is answered behind its end. For the client of the transaction may know by then that it was committed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from msgspec.structs import replace

from stator.codec.log_records import (
    ABORT,
    COMMIT,
    PREPARE,
    decode_envelope,
    decode_preparation,
    encode_abort,
    encode_commit,
    encode_preparation,
    fingerprint,
)
from stator.model.errors import TransactionCanceledError, TransactionInProgressError
from stator.model.positions import LogId, LogPosition, Seq, TimestampUs
from stator.model.records import Abort, Commit, Effect, Kind, Preparation
from stator.rules.commands import Outcome
from stator.rules.transaction_messages import Action, Finish, Finished, Prepare, Prepared
from stator.rules.transactions import CONFLICT, cancelled

from .group_commit import GroupCommit
from .lease import Waiting
from .transact import decide_transaction
from .unmaterialized import Unmaterialized

ENDED_MAX = 10_000
"""Transactions remembered after their end, so that a Prepare which comes too late does not hold items again. More would only make
that rarer: what it holds, recovery gives free.
"""

Reply = Callable[[Seq | None, Waiting], None]
"""Answer from confirmed state, once the record on which the answer rests is confirmed too."""


@dataclass(slots=True, eq=False)
class Held:
    """A Prepare that has not ended. `seq` is its record's, 0 if that is of an earlier epoch."""

    part: Preparation
    seq: Seq
    outcomes: list[Outcome]
    since: float
    """When it was taken, by the process's clock; before all time if another process or epoch did."""


class _Parked(NamedTuple):
    waiting: Waiting
    ends: set[Held]
    then: Callable[[Seq, Waiting], Any]


class Participant:
    """The transactions of one leadership (one epoch) of a partition."""

    def __init__(
        self,
        position: LogPosition,
        group: GroupCommit,
        state: Unmaterialized,
        timestamp: Callable[[], TimestampUs],
        advance: Callable[[TimestampUs], None],
        now: Callable[[], float],
        reply: Reply,
    ) -> None:
        self._group = group
        self._state = state
        self._timestamp = timestamp
        self._advance = advance
        self._now = now
        self._reply = reply
        self._held: dict[bytes, Held] = {}
        self._changing: dict[bytes, Held] = {}
        self._checked: dict[bytes, Held] = {}
        self._committing: dict[bytes, Seq] = {}
        """Keys by the Commit that changes them, while that may not be confirmed."""
        self._commits: deque[tuple[Seq, tuple[Effect, ...]]] = deque()
        self._ended: dict[bytes, Seq] = {}
        self._parked: list[_Parked] = []
        for one in position.prepares:
            self._hold(Held(decode_preparation(decode_envelope(one.raw)), Seq(0), [], -inf))

    # --- what is held ----------------------------------------------------------------------------------------

    def holds(self, key: bytes) -> bool:
        """Whether nobody else may change the item now."""
        return key in self._changing or key in self._checked

    def unsettled(self, key: bytes) -> bool:
        """Whether confirmed state may lack a change of the item that its transaction's client knows of."""
        return key in self._changing or self._committed_by(key) is not None

    def orphans(self, patience_s: float) -> list[Preparation]:
        """What has waited so long for its end that its coordinator may be gone."""
        now = self._now()
        return [held.part for held in self._held.values() if now - held.since >= patience_s]

    def _hold(self, held: Held) -> None:
        self._held[held.part.txid] = held
        self._changing.update((effect.key, held) for effect in held.part.effects)
        self._checked.update((key, held) for key in held.part.checked)

    def _committed_by(self, key: bytes) -> Seq | None:
        """The Commit, sent and not confirmed, that changes the item."""
        while self._commits and self._commits[0][0] <= self._group.confirmed_seq:
            seq, effects = self._commits.popleft()
            for effect in effects:
                if self._committing.get(effect.key) == seq:
                    del self._committing[effect.key]
        return self._committing.get(key)

    # --- reads -----------------------------------------------------------------------------------------------

    def parks(self, waiting: Waiting, keys: Iterable[bytes]) -> bool:
        """Whether a strong read of these items has to wait for transactions. Then it is answered behind those that are prepared
        now, and not behind any that come later.
        """
        ends = {self._changing[key] for key in keys if key in self._changing} if self._changing else None
        if ends:
            self._parked.append(_Parked(waiting, ends, self._group.follow))
        return bool(ends)

    def committing(self, keys: Iterable[bytes]) -> Seq | None:
        """The last Commit, sent and not confirmed, that changes any of these items: a strong read of them shows what it does."""
        commits = [seq for key in keys if (seq := self._committed_by(key)) is not None] if self._committing else []
        return max(commits, default=None)

    def changing(self, low: bytes, high: bytes | None) -> Iterator[bytes]:
        """The keys in a span for which a read may have to wait."""
        for key in (*self._changing, *self._committing):
            if low <= key and (high is None or key < high):
                yield key

    def after_all(self, waiting: Waiting, then: Callable[[Waiting], Any]) -> None:
        """Go on behind the ends of all that is prepared now."""
        if self._held:
            self._parked.append(_Parked(waiting, set(self._held.values()), lambda _, waiting: then(waiting)))
        else:
            then(waiting)

    # --- a transaction ---------------------------------------------------------------------------------------

    def prepare(self, request: Prepare, future: "asyncio.Future[Any]", held_bytes: int) -> None:
        """Vote: hold the items and say so in the log, or refuse. `held_bytes`: what the partition holds, for the outcomes."""
        held = self._held.get(request.txid)
        if held is not None:
            outcomes = held.outcomes or _outcomes(held.part, request.actions)
            self._reply(held.seq, Waiting(request, future, _answer(Prepared(held.part.prepared_us, outcomes))))
            return
        if request.txid in self._ended:
            refusal = cancelled(len(request.actions), dict.fromkeys(range(len(request.actions)), CONFLICT))
            self._reply(None, Waiting(request, future, _refuse(refusal)))
            return
        if request.token and any(self._token_of(action.key) == request.token for action in request.actions):
            self._reply(None, Waiting(request, future, _refuse(TransactionInProgressError())))
            return
        now = self._timestamp()
        effects, rests_on, answer = decide_transaction(
            request.actions, self._state, lambda: now, held_bytes, self.holds
        )
        if isinstance(answer, TransactionCanceledError):
            self._reply(rests_on, Waiting(request, future, _refuse(answer)))
            return
        changed = {effect.key for effect in effects}
        checked = tuple(action.key for action in request.actions if action.key not in changed)
        participants = tuple(LogId(log_id) for log_id in request.participants)
        part = Preparation(request.txid, participants, request.token, now, tuple(effects), checked)
        waiting = Waiting(request, future, _answer(Prepared(now, answer.outcomes)))
        seq = self._group.special(Kind.PREPARE, fingerprint(PREPARE), encode_preparation(part), waiting)
        self._hold(Held(part, seq, answer.outcomes, self._now()))

    def finish(self, request: Finish, future: "asyncio.Future[Any]") -> None:
        """End what is prepared as the ledger has decided, or see that it has ended."""
        waiting = Waiting(request, future, self._finished)
        held = self._held.get(request.txid)
        named = held is not None and request.prepared_us == held.part.prepared_us
        if held is not None and (named or (request.commit_us is None and not request.prepared_us)):
            seq = self._abort(held, waiting) if request.commit_us is None else self._commit(held, request, waiting)
            self._release(held, seq)
        else:
            if held is None and request.txid not in self._ended:
                self._end(request.txid, Seq(0))  # its Prepare may come yet
            self._reply(self._ended.get(request.txid), waiting)

    def _finished(self, future: "asyncio.Future[Any]") -> None:
        future.set_result(Finished(self._group.confirmed_offset + 1))

    def _commit(self, held: Held, request: Finish, waiting: Waiting) -> Seq:
        assert request.commit_us is not None
        part, commit_us = held.part, TimestampUs(request.commit_us)
        self._advance(commit_us)
        effects = tuple(replace(effect, timestamp_us=commit_us) for effect in part.effects)
        payload = encode_commit(Commit(part.txid, part.prepared_us, commit_us, effects))
        seq = self._group.special(Kind.COMMIT, fingerprint(COMMIT), payload, waiting)
        for effect in effects:
            self._state.add(effect, seq)
            self._committing[effect.key] = seq
        self._commits.append((seq, effects))
        return seq

    def _abort(self, held: Held, waiting: Waiting) -> Seq:
        payload = encode_abort(Abort(held.part.txid, held.part.prepared_us))
        return self._group.special(Kind.ABORT, fingerprint(ABORT), payload, waiting)

    def _release(self, held: Held, seq: Seq) -> None:
        del self._held[held.part.txid]
        for effect in held.part.effects:
            del self._changing[effect.key]
        for key in held.part.checked:
            del self._checked[key]
        self._end(held.part.txid, seq)
        parked, self._parked = self._parked, []
        for one in parked:
            one.ends.discard(held)
            if one.ends:
                self._parked.append(one)
            else:
                one.then(seq, one.waiting)

    def _end(self, txid: bytes, seq: Seq) -> None:
        self._ended[txid] = seq
        if len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def _token_of(self, key: bytes) -> str:
        held = self._changing.get(key) or self._checked.get(key)
        return "" if held is None else held.part.token

    def close(self) -> list[Waiting]:
        """The epoch is over: who still waits for an end."""
        parked, self._parked = self._parked, []
        return [one.waiting for one in parked]


def _outcomes(part: Preparation, actions: Sequence[Action]) -> list[Outcome]:
    """What will come of actions that another leader decided; costs are estimates from above, as if not measured."""
    sizes = {effect.key: max(len(effect.old or b""), len(effect.new or b"")) for effect in part.effects}
    return [Outcome(bytes_written=sizes.get(action.key, 0)) for action in actions]


def _answer(answer: Prepared) -> "Callable[[asyncio.Future[Any]], None]":
    return lambda future: future.set_result(answer)


def _refuse(
    error: TransactionCanceledError | TransactionInProgressError,
) -> "Callable[[asyncio.Future[Any]], None]":
    return lambda future: future.set_exception(error)
