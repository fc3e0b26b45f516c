"""What one process says to another, as bytes: msgpack of the messages in `rules/commands.py`, and errors as values.

    request   [call id, method, message]
    answer    [call id, 0, answer]   [call id, 1, [error class, [constructor arguments]]]   [call id, 2, reason]: not handled

An error crosses as the arguments that its class is made of, so that the caller gets the same class with the same fields.
That needs one rule of every class under DomainError: each parameter of its constructor is kept in an attribute of the same
name (tests/unit/codec/test_peer_messages.py walks the tree). Nothing here can name any other class.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from inspect import get_annotations, signature
from typing import Any, NamedTuple

import msgspec

from stator.model.errors import DomainError, OutcomeUnknownError


class Verdict(IntEnum):
    """How a request ended at the peer."""

    ANSWERED = 0
    FAILED = 1
    REFUSED = 2
    """No handler saw it, so it certainly had no effect."""


class Request(NamedTuple):
    """A request whose message is still bytes: the method says how to read it."""

    call_id: int
    method: str
    body: msgspec.Raw


class Answer(NamedTuple):
    """An answer that is still bytes: the method of the call says how to read it."""

    call_id: int
    verdict: Verdict
    body: msgspec.Raw


class MalformedMessageError(ValueError):
    """Bytes that are no message of ours, or of a version we do not understand."""


class PeerMessages:
    """Reads and writes the messages of a set of methods, each given as (request type, answer type)."""

    def __init__(self, methods: Mapping[str, tuple[Any, Any]]) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._requests = {method: msgspec.msgpack.Decoder(types[0]).decode for method, types in methods.items()}
        self._answers = {method: msgspec.msgpack.Decoder(types[1]).decode for method, types in methods.items()}
        self._errors = {kind.__name__: _ErrorForm(kind) for kind in error_classes()}

    def request(self, call_id: int, method: str, message: Any) -> bytes:
        """The frame of a request."""
        return self._encode((call_id, method, message))

    def answer(self, call_id: int, answer: Any) -> bytes:
        """The frame of an answer."""
        return self._encode((call_id, Verdict.ANSWERED, answer))

    def failure(self, call_id: int, error: DomainError) -> bytes:
        """The frame that says what the handler raised."""
        form = self._errors[type(error).__name__]
        return self._encode((call_id, Verdict.FAILED, (type(error).__name__, form.arguments(error))))

    def refusal(self, call_id: int, reason: str) -> bytes:
        """The frame that says that no handler took the request."""
        return self._encode((call_id, Verdict.REFUSED, reason))

    def read_request(self, frame: bytes) -> Request:
        """Open a request. Raises MalformedMessageError."""
        try:
            return _REQUEST.decode(frame)
        except _UNREADABLE as error:
            raise MalformedMessageError(f"not a request: {error}") from error

    def read_answer(self, frame: bytes) -> Answer:
        """Open an answer. Raises MalformedMessageError."""
        try:
            return _ANSWER.decode(frame)
        except _UNREADABLE as error:
            raise MalformedMessageError(f"not an answer: {error}") from error

    def message_of(self, request: Request) -> Any:
        """The message of a request. Raises MalformedMessageError, also for an unknown method."""
        return _read(self._requests, request.method, request.body)

    def answer_of(self, method: str, answer: Answer) -> Any:
        """The answer of a call that was ANSWERED. Raises MalformedMessageError."""
        return _read(self._answers, method, answer.body)

    def error_of(self, answer: Answer) -> DomainError:
        """The error of a call that FAILED; one that this version does not know is an OutcomeUnknownError."""
        try:
            name, arguments = _ERROR.decode(answer.body)
            return self._errors[name].error(arguments)
        except (*_UNREADABLE, KeyError) as unknown:
            return OutcomeUnknownError(f"the peer failed in a way unknown here: {unknown}")

    @staticmethod
    def reason_of(answer: Answer) -> str:
        """Why a call was REFUSED. Raises MalformedMessageError."""
        try:
            return _REASON.decode(answer.body)
        except _UNREADABLE as error:
            raise MalformedMessageError(f"not a reason: {error}") from error


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""msgspec checks text last, and lets the codec's own error through."""
_REQUEST = msgspec.msgpack.Decoder(Request)
_ANSWER = msgspec.msgpack.Decoder(Answer)
_REASON = msgspec.msgpack.Decoder(str)
_ERROR = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])


def _read(readers: Mapping[str, Any], method: str, body: msgspec.Raw) -> Any:
    reader = readers.get(method)
    if reader is None:
        raise MalformedMessageError(f"unknown method {method!r}")
    try:
        return reader(body)
    except _UNREADABLE as error:
        raise MalformedMessageError(f"{method}: {error}") from error


class _ErrorForm:
    """How errors of one class are taken apart and made again."""

    def __init__(self, kind: type[DomainError]) -> None:
        self._kind = kind
        hints = get_annotations(kind.__init__, eval_str=True)
        self._names = list(signature(kind).parameters)
        self._decode = msgspec.msgpack.Decoder(tuple[tuple(hints[name] for name in self._names)]).decode  # type: ignore[misc]

    def arguments(self, error: DomainError) -> tuple[Any, ...]:
        return tuple(getattr(error, name) for name in self._names)

    def error(self, arguments: msgspec.Raw) -> DomainError:
        return self._kind(*self._decode(arguments))


def error_classes(root: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Every class of the tree."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)
