"""Tags: what AWS allows, refuses and says."""

from typing import Any

import pytest

from stator.model.errors import ValidationError
from stator.model.positions import TimestampUs
from stator.model.tables import KeyAttribute, KeySchema, Table
from stator.rules.table_tags import TAGS_MAX, tagged, tags_of, untagged

TABLE = Table(
    "id", "orders", "ACTIVE", TimestampUs(1), KeySchema(KeyAttribute("pk", "S")), (), tags=(("a", "1"), ("b", "2"))
)


def tag(key: Any, value: Any = "v") -> dict[str, Any]:
    return {"Key": key, "Value": value}


def test_a_tag_is_added_or_gets_a_new_value_and_the_others_stay() -> None:
    assert tagged(TABLE, [tag("b", "3"), tag("c", "")]).tags == (("a", "1"), ("b", "3"), ("c", ""))


def test_a_tag_goes_whether_it_was_there_or_not() -> None:
    assert untagged(TABLE, ["a", "nobody"]).tags == (("b", "2"),)


@pytest.mark.parametrize("key", ["ключ", "café", "表", "a+b-c=d.e_f:g/h@i", "x" * 128, " "])
def test_letters_of_any_script_are_fine(key: str) -> None:
    assert tags_of([tag(key, key)]) == ((key, key),)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([tag("")], "The Tag Key provided is invalid, Key: "),
        ([{"Value": "v"}], "The Tag Key provided is invalid, Key: null"),
        ([tag("x" * 129)], "The Tag Key provided is invalid, Key: " + "x" * 129),
        ([tag("a,b")], "The Tag Key provided is invalid, Key: a,b"),
        ([{"Key": "k"}], "The Tag Value provided is invalid, Value: null"),
        ([tag("k", "100%")], "The Tag Value provided is invalid, Value: 100%"),
        ([tag("k", "x" * 257)], "The Tag Value provided is invalid, Value: " + "x" * 257),
        ([tag("aws:k")], "Tag Key cannot be prefixed with aws:, Key: aws:k"),
        ([tag("k"), tag("k")], "Duplicate Tag Keys provided as input: Duplicate Tag Key found k"),
        ([], "Atleast one Tag needs to be provided as Input."),
        (
            [tag(f"k{n}") for n in range(TAGS_MAX - 1)],
            "Number of Tags exceed the current limit for the provided ResourceArn",
        ),
    ],
)
def test_one_bad_tag_refuses_the_request_in_aws_words(given: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        tagged(TABLE, given)
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "Atleast one Tag Key needs to be provided as Input."),
        ([""], "The Tag Key provided is invalid, Key: "),
        ([f"k{n}" for n in range(51)], "Number of Tags exceed the current limit for the provided ResourceArn"),
    ],
)
def test_what_cannot_be_untagged_is_said_likewise(keys: list[str], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        untagged(TABLE, keys)
    assert refused.value.message == said


def test_fifty_tags_may_all_get_new_values_at_once() -> None:
    full = TABLE.evolve(tags=tuple((f"k{n}", "old") for n in range(TAGS_MAX)))
    assert set(dict(tagged(full, [tag(f"k{n}", "new") for n in range(TAGS_MAX)]).tags).values()) == {"new"}
