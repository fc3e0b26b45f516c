"""What updates make of an item. Answers checked against DynamoDB Local."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given

from stator.expressions.placeholders import check_placeholders
from stator.expressions.update_checks import check_keys_unchanged
from stator.expressions.updates import apply_update, parse_update, select_paths
from stator.model.attributes import normalise_item
from stator.model.errors import ValidationError
from stator.model.item import Item
from tests.strategies import PLACEHOLDERS, VALUES, items, updates

ITEM: Item = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"a": {"S": "q"}}}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"L": [{"S": "z"}]}}},
}
SENT: dict[str, dict[str, Any]] = {
    ":n": {"N": "1"},
    ":s": {"S": "x"},
    ":l": {"L": [{"N": "1"}]},
    ":m": {"M": {}},
    ":ss": {"SS": ["b", "c"]},
    ":ns": {"NS": ["1", "2"]},
}


def run(text: str) -> tuple[Item, Item]:
    """The changed attributes (None for those gone) and what UPDATED_NEW shows."""
    update = parse_update(text)
    used = {name: SENT[name] for name in update.placeholders if name in SENT}
    check_placeholders([update], {}, used)
    after, touched = apply_update(update, ITEM, {}, used)
    changed = {name: after.get(name) for name in {*ITEM, *after} if after.get(name) != ITEM.get(name)}
    return changed, select_paths(after, touched)


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as refused:
        run(text)
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("SET q = :s", {"q": {"S": "x"}}),
        ("SET n = n + :n", {"n": {"N": "6"}}),
        ("SET n = :n - n", {"n": {"N": "-4"}}),
        ("SET n = (n + :n)", {"n": {"N": "6"}}),
        ("SET q = if_not_exists(q, :n) + :n", {"q": {"N": "2"}}),
        ("SET q = if_not_exists(q, if_not_exists(n, :n))", {"q": {"N": "5"}}),
        ("SET n = s, s = n", {"n": {"S": "hello"}, "s": {"N": "5"}}),
        ("SET m.x = :n, m.b[0] = :n", {"m": {"M": {"a": {"N": "1"}, "b": {"L": [{"N": "1"}]}, "x": {"N": "1"}}}}),
        ("REMOVE s, q", {"s": None}),
        ("REMOVE m.a, m.zz", {"m": {"M": {"b": {"L": [{"S": "z"}]}}}}),
        ("ADD n :n", {"n": {"N": "6"}}),
        ("ADD q :n", {"q": {"N": "1"}}),
        ("ADD m.a :n", {"m": {"M": {"a": {"N": "2"}, "b": {"L": [{"S": "z"}]}}}}),
        ("ADD ss :ss", {"ss": {"SS": ["a", "b", "c"]}}),
        ("DELETE ss :ss", {"ss": {"SS": ["a"]}}),
        ("DELETE ns :ns", {"ns": None}),
        ("DELETE q :ns", {}),
        ("SET q = list_append(:l, if_not_exists(q, :l))", {"q": {"L": [{"N": "1"}, {"N": "1"}]}}),
        ("ADD n :n SET q = n REMOVE s", {"n": {"N": "6"}, "q": {"N": "5"}, "s": None}),
    ],
)
def test_updates_read_the_old_item_and_take_effect_together(text: str, changed: dict[str, Any]) -> None:
    assert run(text)[0] == changed


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("SET l[0] = :s", [{"S": "x"}, {"S": "x"}, {"M": {"a": {"S": "q"}}}]),
        ("SET l[9] = :s, l[5] = :n, l[7] = :m", [*ITEM["l"]["L"], {"N": "1"}, {"M": {}}, {"S": "x"}]),
        ("REMOVE l[0], l[1]", [{"M": {"a": {"S": "q"}}}]),
        ("SET l[4] = :n REMOVE l[0], l[1]", [{"M": {"a": {"S": "q"}}}, {"N": "1"}]),
        ("SET l[1] = l[0], l[0] = l[1]", [{"S": "x"}, {"N": "1"}, {"M": {"a": {"S": "q"}}}]),
        ("SET l[2].a = :n", [{"N": "1"}, {"S": "x"}, {"M": {"a": {"N": "1"}}}]),
        ("ADD l[0] :n", [{"N": "2"}, {"S": "x"}, {"M": {"a": {"S": "q"}}}]),
        ("REMOVE l[9]", ITEM["l"]["L"]),
    ],
)
def test_list_indexes_mean_the_elements_that_were_there(text: str, elements: list[Any]) -> None:
    assert run(text)[0].get("l", ITEM["l"]) == {"L": elements}


@pytest.mark.parametrize(
    "text",
    [
        "SET q.a = :n",
        "SET s.a = :n",
        "SET l.a = :n",
        "SET m[0] = :n",
        "SET l[9].a = :n",
        "REMOVE q.a",
        "DELETE q.a :ns",
        "ADD m.x.y :n",
    ],
)
def test_a_path_into_nowhere_is_refused(text: str) -> None:
    assert refusal(text) == "The document path provided in the update expression is invalid for update"


@pytest.mark.parametrize(
    "text",
    [
        "SET q = n + s",
        "SET q = list_append(n, :l)",
        "ADD s :n",
        "ADD n :ns",
        "ADD ns :ss",
        "DELETE s :ss",
        "DELETE ss :ns",
    ],
)
def test_an_attribute_of_the_wrong_type_is_refused(text: str) -> None:
    assert refusal(text) == "An operand in the update expression has an incorrect data type"


@pytest.mark.parametrize(
    "text", ["SET q = zz", "SET q = m.zz", "SET n = zz + :n", "SET q = list_append(zz, :l)", "SET q = l[7]"]
)
def test_a_missing_operand_is_refused(text: str) -> None:
    assert refusal(text) == "The provided expression refers to an attribute that does not exist in the item"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "SET m.a = :n, m = :s",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                "path one: [m, a], path two: [m]"
            ),
        ),
        (
            "SET a = :n REMOVE a",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
        ),
        (
            "SET m.a = :n, m[0] = :s",
            (
                "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                "path one: [m, a], path two: [m, [0]]"
            ),
        ),
        (
            "ADD a :s",
            (
                "Incorrect operand type for operator or function; "
                "operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"
            ),
        ),
        (
            "DELETE a :n",
            (
                "Incorrect operand type for operator or function; "
                "operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"
            ),
        ),
        ("SET n = n + :s", "Incorrect operand type for operator or function; operator or function: +, operand type: S"),
        (
            "SET q = list_append(l, :n)",
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: N",
        ),
        (
            "SET q = if_not_exists(:n, :n)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET q = if_not_exists(q)",
            "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
        ),
        (
            "SET q = if_not_exists(n, n)",
            (
                "The first operand must be distinct from the remaining operands for this operator or function; "
                "operator: if_not_exists, first operand: [n]"
            ),
        ),
    ],
)
def test_impossible_updates_are_refused_before_any_item_is_read(text: str, reason: str) -> None:
    assert refusal(text) == f"Invalid UpdateExpression: {reason}"


def test_updated_new_shows_only_the_paths_that_were_named() -> None:
    assert run("SET m.b[0] = :n, l[2].a = :s ADD n :n REMOVE s")[1] == {
        "m": {"M": {"b": {"L": [{"N": "1"}]}}},
        "l": {"L": [{"M": {"a": {"S": "x"}}}]},
        "n": {"N": "6"},
    }


def test_key_attributes_cannot_be_updated() -> None:
    with pytest.raises(ValidationError) as refused:
        check_keys_unchanged(parse_update("SET #k.a = :n"), {"#k": "pk"}, ("pk", "sk"))
    assert (
        refused.value.message
        == "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"
    )


def test_an_update_cannot_nest_deeper_than_32_levels() -> None:
    deep: dict[str, Any] = {"S": "leaf"}
    for _ in range(31):
        deep = {"L": [deep]}
    update = parse_update("SET a.b = :deep")
    with pytest.raises(ValidationError, match="Nesting Levels have exceeded supported limits"):
        apply_update(update, {"a": {"M": {}}}, {}, {":deep": deep})
    assert apply_update(parse_update("SET a = :deep"), {}, {}, {":deep": deep}).item == {"a": deep}


@given(updates, items)
def test_an_update_leaves_its_input_alone_and_its_output_canonical(text: str, item: Item) -> None:
    before, values = deepcopy(item), deepcopy(VALUES)
    update = parse_update(text)
    try:
        check_placeholders(
            [update],
            {name: PLACEHOLDERS[name] for name in update.placeholders if name in PLACEHOLDERS},
            {name: values[name] for name in update.placeholders if name in values},
        )
        after, touched = apply_update(update, item, PLACEHOLDERS, values)
    except ValidationError:
        pass
    else:
        assert normalise_item(after) == after
        assert set(after) - set(item) <= {path[0] for path in touched}
        untouched = {name: value for name, value in item.items() if name not in {path[0] for path in touched}}
        assert untouched.items() <= after.items()
    assert (item, values) == (before, VALUES)


@given(items)
def test_setting_an_attribute_and_removing_it_again_restores_the_item(item: Item) -> None:
    added = apply_update(parse_update("SET fresh = :n"), item, {}, VALUES).item
    assert apply_update(parse_update("REMOVE fresh"), added, {}, {}).item == item
