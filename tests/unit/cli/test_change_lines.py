from typing import Any

import msgspec
import pytest

from services.cli.change_lines import change_line, plain, value_text

KEY = {"id": {"S": "1"}}


def line(name: str, *, keys_only: bool = False, **change: Any) -> str:
    record = {"eventName": name, "dynamodb": {"ApproximateCreationDateTime": 1_795_237_200, "Keys": KEY, **change}}
    return change_line(record, keys_only=keys_only).plain.partition(" ")[2]  # what time it is depends on where one is


def test_an_insert_shows_the_item() -> None:
    assert line("INSERT", NewImage={**KEY, "likes": {"N": "3"}}) == 'INSERT id="1"  likes: 3'


def test_a_change_shows_what_is_different_and_nothing_else() -> None:
    old = {**KEY, "likes": {"N": "3"}, "gone": {"BOOL": True}, "same": {"S": "x"}}
    new = {**KEY, "likes": {"N": "4"}, "new": {"NULL": True}, "same": {"S": "x"}}
    assert line("MODIFY", OldImage=old, NewImage=new) == 'MODIFY id="1"  likes: 3 → 4  gone: true → gone  new: → null'


def test_another_order_of_a_set_is_no_difference() -> None:
    old = {**KEY, "tags": {"SS": ["b", "a"]}, "sizes": {"NS": ["10", "9"]}, "n": {"N": "1"}}
    new = {**KEY, "tags": {"SS": ["a", "b"]}, "sizes": {"NS": ["9", "10"]}, "n": {"N": "2"}}
    assert line("MODIFY", OldImage=old, NewImage=new) == 'MODIFY id="1"  n: 1 → 2'


def test_a_stream_of_keys_shows_keys() -> None:
    assert line("REMOVE") == 'REMOVE id="1"'
    assert line("INSERT", keys_only=True, NewImage={**KEY, "likes": {"N": "3"}}) == 'INSERT id="1"'


def test_who_expired_is_told_apart_from_who_was_deleted() -> None:
    record = {
        "eventName": "REMOVE",
        "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
        "dynamodb": {"ApproximateCreationDateTime": 1_795_237_200, "Keys": KEY},
    }
    assert change_line(record, keys_only=False).plain.endswith('id="1" expired')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"S": 'a"b'}, '"a\\"b"'),
        ({"N": "123456789012345678901234567890.5"}, "123456789012345678901234567890.5"),
        ({"L": [{"N": "1"}, {"M": {"x": {"SS": ["a"]}}}]}, '[1,{"x":["a"]}]'),
        ({"NS": ["1", "2.50"]}, "[1,2.50]"),
        ({"B": "AAE="}, '"AAE="'),
        ({"NULL": True}, "null"),
    ],
)
def test_values_are_shown_as_what_they_mean(value: dict[str, Any], text: str) -> None:
    assert msgspec.json.encode(plain(value)).decode() == text


def test_a_long_value_is_cut() -> None:
    assert len(value_text({"S": "x" * 1000})) < 100
