from contextlib import suppress
from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stator.codec.position_tokens import LOGS_MAX, decode_positions, encode_position, encode_positions
from stator.model.errors import ValidationError
from stator.model.positions import LogId, Offset

POSITIONS = st.dictionaries(
    st.integers(0, 2**64 - 1).map(LogId), st.integers(0, 2**64 - 1).map(Offset), max_size=LOGS_MAX
)


@given(POSITIONS)
def test_a_token_says_what_was_put_into_it_and_needs_no_quoting(reached: dict[LogId, Offset]) -> None:
    token = encode_positions(reached)
    assert decode_positions(token) == reached
    assert set(token) <= set("0123456789abcdef.-")


def test_one_log_is_told_as_one_of_several_is() -> None:
    assert encode_position(LogId(300), Offset(17)) == encode_positions({LogId(300): Offset(17)})


def test_the_first_version_stays_readable() -> None:
    assert decode_positions("1.4-1c8.5-2f") == {LogId(4): Offset(0x1C8), LogId(5): Offset(0x2F)}


@given(POSITIONS, POSITIONS)
def test_of_several_tokens_the_furthest_counts(one: dict[LogId, Offset], other: dict[LogId, Offset]) -> None:
    both = decode_positions(f"{encode_positions(one)}, {encode_positions(other)}")
    nowhere = Offset(0)
    assert both == {log: max(one.get(log, nowhere), other.get(log, nowhere)) for log in {*one, *other}}


def test_of_too_many_logs_those_seen_last_are_kept() -> None:
    reached = {LogId(number): Offset(7) for number in range(LOGS_MAX + 10)}
    assert list(decode_positions(encode_positions(reached))) == list(range(10, LOGS_MAX + 10))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "2.4-5",
        "1.4",
        "1.4-",
        "1.4-5.",
        "1.4-G",
        "1.-4-5",
        "1.4-0x5",
        "1.4-12345678123456781",
        "1.4-5,",
        "1.٤-5",
        "1" + ".4-5" * (LOGS_MAX + 1),
    ],
)
def test_what_is_no_token_is_refused_in_words(given: str) -> None:
    with pytest.raises(ValidationError, match="x-stator-position"):
        decode_positions(given)


@given(st.text(printable))
def test_nothing_but_a_refusal_comes_of_anything(given: str) -> None:
    with suppress(ValidationError):
        decode_positions(given)
