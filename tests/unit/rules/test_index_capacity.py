"""What a write costs the indexes: a row that comes, goes or changes is a write, one that moves is two."""

from typing import Any

import pytest

from stator.model.item import Item, encode_image
from stator.model.positions import TimestampUs
from stator.model.tables import Index, KeyAttribute, KeySchema, LocalIndex, Projection, Table
from stator.rules.commands import Command, DeleteItem, Expression, Outcome, PutItem, UpdateItem
from stator.rules.decide import decide
from stator.rules.index_capacity import index_units, measured_indexes

BASE = KeySchema(KeyAttribute("p", "S"), KeyAttribute("c", "S"))
BY_B = KeySchema(KeyAttribute("p", "S"), KeyAttribute("b", "S"))
BY_X = KeySchema(KeyAttribute("x", "S"), KeyAttribute("b", "S"))
TABLE = Table(
    "id-1",
    "posts",
    "ACTIVE",
    TimestampUs(0),
    BASE,
    (),
    indexes=(Index("by-x", BY_X, Projection("INCLUDE", ("a",))),),
    local_indexes=(LocalIndex("all", BY_B, Projection("ALL")), LocalIndex("keys", BY_B, Projection("KEYS_ONLY"))),
)
INDEXES = measured_indexes(TABLE)


def item(**texts: str) -> Item:
    return {name: {"S": text} for name, text in {"p": "x", "c": "w", **texts}.items()}


LONG = "z" * 5_000
CASES: list[tuple[Item | None, Item | None, dict[str, float]]] = [
    (None, item(), {}),
    (None, item(b="1"), {"all": 1, "keys": 1}),
    (item(b="1"), item(b="1"), {}),
    (item(b="1"), item(b="2"), {"all": 2, "keys": 2}),
    (item(b="2"), item(b="2", z="q"), {"all": 1}),
    (item(b="2", z=LONG), item(b="3"), {"all": 6, "keys": 2}),
    (item(b="2", z=LONG), item(b="2"), {"all": 5}),
    (item(b="2", z=LONG), item(), {"all": 5, "keys": 1}),
    (item(b="2", x="g"), None, {"all": 1, "keys": 1, "by-x": 1}),
    (item(b="2"), item(b="2", x="g", a=LONG), {"all": 5, "by-x": 5}),
    (item(b="2", x="g", a="1"), item(b="2", x="h", a="1"), {"all": 1, "by-x": 2}),
]


@pytest.mark.parametrize(("before", "after", "units"), CASES)
def test_rows_that_come_go_and_change_cost_a_write_and_rows_that_move_two(
    before: Item | None, after: Item | None, units: dict[str, float]
) -> None:
    assert index_units(INDEXES, before, after) == units


def measured(command: Command, before: Item | None) -> dict[str, float]:
    answer = decide(command, None if before is None else encode_image(before), 1).answer
    assert isinstance(answer, Outcome)
    return answer.index_units


@pytest.mark.parametrize(("before", "after", "units"), CASES)
def test_an_outcome_tells_what_its_command_asks_to_be_measured(
    before: Item | None, after: Item | None, units: dict[str, float]
) -> None:
    for indexes, told in ((INDEXES, units), ([], {})):
        if after is None:
            assert measured(DeleteItem(b"key", indexes=indexes), before) == told
        else:
            assert measured(PutItem(b"key", encode_image(after), indexes=indexes), before) == told


def test_an_update_is_measured_from_the_item_it_finds_and_the_one_it_leaves() -> None:
    update = Expression("SET b = :b", {}, {":b": {"S": "2"}})
    fields: dict[str, Any] = {"key_item": item(), "update": update, "indexes": INDEXES}
    assert measured(UpdateItem(b"key", **fields), None) == {"all": 1, "keys": 1}
    assert measured(UpdateItem(b"key", **fields), item(b="1")) == {"all": 2, "keys": 2}
    assert measured(UpdateItem(b"key", **fields), item(b="2")) == {}
