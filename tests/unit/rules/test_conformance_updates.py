"""Updates of items that are not there, as AWS answers them (Alternator's tests hold against it; DynamoDB Local differs)."""

from typing import Any

import pytest

from stator.model.errors import ValidationError
from stator.model.item import decode_image
from stator.rules.commands import Expression, Outcome, UpdateItem
from stator.rules.decide import decide


def update(text: str, **values: Any) -> UpdateItem:
    given = {f":{name}": value for name, value in values.items()}
    return UpdateItem(b"key", {"pk": {"S": "a"}}, Expression(text, {}, given), return_values="ALL_NEW")


@pytest.mark.parametrize(
    "command", [update("REMOVE n"), update("REMOVE a.b, c[0]"), update("DELETE s :s REMOVE n", s={"SS": ["x"]})]
)
def test_an_update_that_only_removes_makes_no_item_and_shows_none(command: UpdateItem) -> None:
    decision = decide(command, None, 0)
    assert (decision.new, decision.changed) == (None, False)
    assert decision.answer == Outcome()


def test_an_update_without_any_action_makes_an_item_of_its_key() -> None:
    decision = decide(UpdateItem(b"key", {"pk": {"S": "a"}}), None, 0)
    assert decision.new is not None
    assert decode_image(decision.new) == {"pk": {"S": "a"}}


def test_paths_into_nowhere_are_still_refused_beside_a_set() -> None:
    decision = decide(update("REMOVE a.b SET n = :n", n={"N": "1"}), None, 0)
    assert isinstance(decision.answer, ValidationError)
    assert "document path" in decision.answer.message
