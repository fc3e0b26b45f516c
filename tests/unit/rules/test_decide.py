"""What commands come to, given what is stored."""

from typing import Any

import pytest

from stator.model.errors import ConditionalCheckFailedError, ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.rules.commands import Command, DeleteItem, Expression, Outcome, PutItem, Replace, ReturnValues, UpdateItem
from stator.rules.decide import ITEM_BYTES_MAX, Decision, decide

KEY = b"key"
OLD: Item = {"pk": {"S": "a"}, "n": {"N": "1"}, "s": {"S": "old"}}
STORED = encode_image(OLD)
NEW = encode_image({"pk": {"S": "a"}, "n": {"N": "2"}})
FALSE = Expression("attribute_exists(nothing)", {}, {})
TRUE = Expression("attribute_exists(n)", {}, {})
REFUSABLE: list[Command] = [
    PutItem(KEY, NEW, FALSE),
    DeleteItem(KEY, FALSE),
    UpdateItem(KEY, {"pk": {"S": "a"}}, Expression("SET n = :n", {}, {":n": {"N": "9"}}), FALSE),
]


def update(text: str, values: dict[str, Any], returned: ReturnValues = "NONE", **more: Any) -> UpdateItem:
    return UpdateItem(KEY, {"pk": {"S": "a"}}, Expression(text, {}, values), return_values=returned, **more)


def shown(decision: Decision) -> Item | None:
    assert isinstance(decision.answer, Outcome)
    return None if decision.answer.attributes is None else decode_image(decision.answer.attributes)


@pytest.mark.parametrize("command", REFUSABLE)
@pytest.mark.parametrize("stored", [STORED, None])
def test_a_false_condition_leaves_everything_as_it_is(command: Command, stored: bytes | None) -> None:
    decision = decide(command, stored, 5)
    assert (decision.new, decision.changed) == (stored, False)
    assert isinstance(decision.answer, ConditionalCheckFailedError)
    assert decision.answer.item is None


def test_a_refusal_shows_the_item_to_those_who_asked_for_it() -> None:
    refused = decide(PutItem(KEY, NEW, FALSE, return_on_failure=True), STORED, 5).answer
    assert isinstance(refused, ConditionalCheckFailedError)
    assert refused.item == STORED


def test_a_put_replaces_the_whole_item() -> None:
    decision = decide(PutItem(KEY, NEW, TRUE, "ALL_OLD"), STORED, 5)
    assert (decision.new, decision.changed, shown(decision)) == (NEW, True, OLD)


def test_a_put_of_what_is_there_changes_nothing() -> None:
    assert decide(PutItem(KEY, STORED), STORED, 5).changed is False


def test_a_delete_leaves_no_item_and_shows_the_old_one() -> None:
    decision = decide(DeleteItem(KEY, return_values="ALL_OLD"), STORED, 5)
    assert (decision.new, decision.changed, shown(decision)) == (None, True, OLD)


def test_a_delete_of_nothing_succeeds_and_changes_nothing() -> None:
    assert decide(DeleteItem(KEY), None, 0) == Decision(None, changed=False, answer=Outcome())


def test_an_update_of_nothing_makes_an_item_from_the_key() -> None:
    decision = decide(update("SET n = :n", {":n": {"N": "7"}}), None, 0)
    assert decision.new == encode_image({"pk": {"S": "a"}, "n": {"N": "7"}})


def test_an_update_without_an_expression_makes_an_item_of_the_key_alone() -> None:
    assert decide(UpdateItem(KEY, {"pk": {"S": "a"}}), None, 0).new == encode_image({"pk": {"S": "a"}})


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("NONE", None),
        ("ALL_OLD", OLD),
        ("ALL_NEW", {"pk": {"S": "a"}, "n": {"N": "3"}, "s": {"S": "old"}}),
        ("UPDATED_OLD", {"n": {"N": "1"}}),
        ("UPDATED_NEW", {"n": {"N": "3"}}),
    ],
)
def test_an_update_shows_what_was_asked_for(returned: ReturnValues, expected: Item | None) -> None:
    assert shown(decide(update("ADD n :two", {":two": {"N": "2"}}, returned), STORED, 5)) == expected


def test_an_update_that_new_attributes_had_no_old_values_for_shows_none() -> None:
    assert shown(decide(update("SET x = :x", {":x": {"S": "1"}}, "UPDATED_OLD"), STORED, 5)) is None


def test_an_update_that_cannot_be_applied_is_refused_and_changes_nothing() -> None:
    decision = decide(update("ADD s :one", {":one": {"N": "1"}}), STORED, 5)
    assert (decision.new, decision.changed) == (STORED, False)
    assert isinstance(decision.answer, ValidationError)


@pytest.mark.parametrize(("spare_bytes", "fits"), [(0, True), (-1, False)])
def test_an_update_may_grow_an_item_to_400_kib_and_not_beyond(spare_bytes: int, *, fits: bool) -> None:
    rest = len("pk") + len("a") + len("s")  # each name and value counts, nothing else
    text = "x" * (ITEM_BYTES_MAX - rest - spare_bytes)
    decision = decide(update("SET s = :s", {":s": {"S": text}}), None, 0)
    assert decision.changed is fits
    assert isinstance(decision.answer, Outcome if fits else ValidationError)


@pytest.mark.parametrize(
    ("value", "fits"),
    [({"S": "bb"}, True), ({"S": ""}, False), ({"S": "bbb"}, False), ({"N": "1"}, False), ({"NULL": True}, False)],
)
def test_an_update_gives_an_index_key_no_other_type_and_no_empty_or_long_value(
    value: dict[str, Any], *, fits: bool
) -> None:
    decision = decide(update("SET s = :s", {":s": value}, index_keys={"s": ("S", 2)}), STORED, 5)
    assert decision.changed is fits


def test_compare_and_set_needs_the_version_it_names() -> None:
    assert decide(Replace(KEY, NEW, 5), STORED, 5).new == NEW
    assert decide(Replace(KEY, NEW, 0), None, 0).new == NEW
    assert decide(Replace(KEY, None, 5), STORED, 5).new is None
    for expected_us, stored in ((4, STORED), (0, STORED), (5, None)):
        assert isinstance(decide(Replace(KEY, NEW, expected_us), stored, 5).answer, ConditionalCheckFailedError)
