import random
from inspect import signature
from typing import Any

import msgspec
import pytest

from stator.codec.peer_messages import MalformedMessageError, PeerMessages, Verdict, error_classes
from stator.model.errors import CancellationReason, DomainError, NotLeaderError, OutcomeUnknownError
from stator.rules.commands import Get
from stator.rules.peer_methods import REQUESTS


class Ask(msgspec.Struct, frozen=True, array_like=True):
    key: bytes
    limit: int | None = None


METHODS = {"ask": (Ask, list[str])}


@pytest.fixture
def messages() -> PeerMessages:
    return PeerMessages(METHODS)


def test_a_request_is_read_as_it_was_written(messages: PeerMessages) -> None:
    request = messages.read_request(messages.request(7, "ask", Ask(b"\x00", 3)))
    assert (request.call_id, request.method, messages.message_of(request)) == (7, "ask", Ask(b"\x00", 3))


def test_an_answer_is_read_as_it_was_written(messages: PeerMessages) -> None:
    answer = messages.read_answer(messages.answer(2**40, ["x", "y"]))
    assert (answer.call_id, answer.verdict) == (2**40, Verdict.ANSWERED)
    assert messages.answer_of("ask", answer) == ["x", "y"]


def test_a_refusal_carries_its_reason(messages: PeerMessages) -> None:
    answer = messages.read_answer(messages.refusal(1, "not served"))
    assert (answer.verdict, messages.reason_of(answer)) == (Verdict.REFUSED, "not served")


SAMPLES: dict[Any, Any] = {
    str: "some words",
    str | None: "some words",
    bytes | None: b"\x00\xff",
    list[CancellationReason]: [CancellationReason("None"), CancellationReason("Some", "words", b"\x00\xff")],
}


@pytest.mark.parametrize("kind", list(error_classes()))
def test_every_error_of_the_tree_crosses_with_all_its_fields(kind: type[DomainError], messages: PeerMessages) -> None:
    """A new class whose constructor takes a type not yet among the samples fails here: add one."""
    parameters = signature(kind, eval_str=True).parameters.values()
    error = kind(**{parameter.name: SAMPLES[parameter.annotation] for parameter in parameters})
    answer = messages.read_answer(messages.failure(1, error))
    again = messages.error_of(answer)
    assert (answer.verdict, type(again), str(again), vars(again)) == (Verdict.FAILED, kind, str(error), vars(error))


def test_an_error_without_its_optional_field_stays_without(messages: PeerMessages) -> None:
    again = messages.error_of(messages.read_answer(messages.failure(1, NotLeaderError(None))))
    assert isinstance(again, NotLeaderError)
    assert again.hint is None


def test_an_error_of_a_newer_version_is_an_unknown_outcome(messages: PeerMessages) -> None:
    frame = msgspec.msgpack.encode((1, Verdict.FAILED, ("NotInventedYetError", ["?"])))
    assert type(messages.error_of(messages.read_answer(frame))) is OutcomeUnknownError


def test_an_error_names_nothing_outside_the_tree(messages: PeerMessages) -> None:
    frame = msgspec.msgpack.encode((1, Verdict.FAILED, ("SystemExit", [0])))
    assert type(messages.error_of(messages.read_answer(frame))) is OutcomeUnknownError


def test_an_unknown_method_and_a_wrong_message_are_malformed(messages: PeerMessages) -> None:
    for frame in (messages.request(1, "other", Ask(b"")), messages.request(1, "ask", Ask("text"))):  # type: ignore[arg-type]
        with pytest.raises(MalformedMessageError):
            messages.message_of(messages.read_request(frame))
    with pytest.raises(MalformedMessageError):
        messages.answer_of("ask", messages.read_answer(messages.answer(1, [1])))


@pytest.mark.parametrize(("method", "token_at"), [("transact", 2), ("decide", 4)])
@pytest.mark.parametrize("request_hash", [b"", b"h" * 15, b"h" * 17])
def test_a_token_comes_with_a_whole_hash_of_its_request(method: str, token_at: int, request_hash: bytes) -> None:
    """Views tell the two apart by length: of another hash, some would be taken for the token."""
    release = PeerMessages(REQUESTS)
    message: list[Any] = [7, [], "token", request_hash] if token_at == 2 else [7, b"txid", 1, {}, "token", request_hash]
    with pytest.raises(MalformedMessageError, match="hash has 16 bytes"):
        release.message_of(release.read_request(release.request(1, method, message)))
    message[token_at] = ""
    release.message_of(release.read_request(release.request(1, method, message)))


@pytest.mark.parametrize("body", [[5, b"key"], [5, b"key", 7], [5, b"key", 7, "of a later release"]])
def test_messages_of_the_releases_before_and_after_are_read(body: list[Any]) -> None:
    release = PeerMessages(REQUESTS)
    request = release.read_request(release.request(1, "get", body))
    assert release.message_of(request) == Get(5, b"key", body[2] if len(body) > 2 else 0)


def test_no_bytes_raise_anything_else(messages: PeerMessages) -> None:
    dice = random.Random(4)
    for _ in range(2000):
        frame = dice.randbytes(dice.randrange(20))
        for read in (messages.read_request, messages.read_answer):
            try:
                read(frame)
            except MalformedMessageError:
                continue
        damaged = bytearray(messages.failure(1, NotLeaderError("hint")))
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            messages.error_of(messages.read_answer(bytes(damaged)))
        except MalformedMessageError:
            continue


def test_the_messages_of_all_methods_have_a_form() -> None:
    assert PeerMessages(REQUESTS)
