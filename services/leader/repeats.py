"""Requests that come again: finds out what a leader has done for them already, wherever that is to be found (R18).

On its way to the view it is in `unmaterialized.py`; afterwards the view knows where in the log it lies, and it is read from
there. That takes a while, but only retries pay for it. What is found was accepted, or will be before anything later is.
"""

from collections.abc import Callable, Sequence

from stator.codec.log_records import decode_changes, decode_envelope
from stator.model.errors import DamagedDataError
from stator.model.positions import LogId, Seq, TimestampUs
from stator.model.records import Effect
from stator.ports.log import Log
from stator.ports.view import ItemReader
from stator.rules.commands import Command, request_id_of
from stator.rules.request_tokens import Carried, remembered, token_of, transaction_token_of
from stator.rules.transaction_messages import Transact

from .unmaterialized import Unmaterialized

Places = dict[bytes, Carried]
"""Where in the log the requests of these tokens lie."""


class Repeats:
    """What requests did, for one leadership."""

    def __init__(
        self,
        log: Log,
        log_id: LogId,
        view: ItemReader,
        unmaterialized: Unmaterialized,
        timestamp: Callable[[], TimestampUs],
    ) -> None:
        self._log = log
        self._log_id = log_id
        self._view = view
        self._unmaterialized = unmaterialized
        self._timestamp = timestamp
        self._recalled: dict[bytes, Effect] = {}

    def first(self, command: Command | Transact) -> tuple[Seq | None, Effect] | None:
        """What the command did when it came before, and the record that carries it unless the view has that."""
        token = _token(command)
        if token is None:
            return None
        if token in self._recalled:
            return None, self._recalled[token]
        return self._unmaterialized.carried(token)

    def to_recall(self, commands: Sequence[Command | Transact]) -> Places:
        """Which of the commands have come before, so long ago that only the log has what they did."""
        places: Places = {}
        for command in commands:
            token = _token(command)
            if token is None or token in self._recalled or self._unmaterialized.carried(token) is not None:
                continue
            carried = self._view.carried(token)
            if carried is not None and remembered(carried, self._timestamp()):
                places[token] = carried
        return places

    async def recall(self, places: Places) -> None:
        """Read from the log what lies there; `forget` it when the commands have been decided. Raises LogError, DamagedDataError."""
        found = {token: await self._effect(carried) for token, carried in places.items()}
        # All at once: the same message may be here twice, and whichever is decided first forgets what both need.
        self._recalled.update(found)

    def forget(self, places: Places) -> None:
        """What was recalled is needed no more."""
        for token in places:
            self._recalled.pop(token, None)

    async def _effect(self, carried: Carried) -> Effect:
        reader = self._log.read(self._log_id, carried.offset)
        try:
            message, *_ = await reader.read()
        finally:
            reader.close()
        effects = decode_changes(decode_envelope(message.data))
        if message.offset != carried.offset or carried.number >= len(effects):
            raise DamagedDataError(f"log {self._log_id} has no effect {carried.number} at {carried.offset}")
        return effects[carried.number]


def _token(command: Command | Transact) -> bytes | None:
    if isinstance(command, Transact):
        return transaction_token_of(command.token) if command.token else None
    request_id = request_id_of(command)
    return token_of(request_id, command.key) if request_id else None
