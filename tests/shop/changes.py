"""Writes of the shop, each as what the SDK is asked and, beside it, as what it must come to.

The two halves are written independently on purpose: the right one is plain Python and knows nothing of expressions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Value = dict[str, Any]
Item = dict[str, Value]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `after` maps the item found (None: there is none) to the item left."""

    key: Key
    method: str
    arguments: dict[str, Any]
    after: Callable[[Item | None], Item | None]


def key_of(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def put(item: Item) -> Change:
    return Change(key_of(item), "put_item", {"Item": item}, lambda _: item)


def delete(key: Key) -> Change:
    return Change(key, "delete_item", {"Key": _key(key)}, lambda _: None)


def set_status(key: Key, status: str, at: str) -> Change:
    """The order moves in its index, and its version rises."""
    return _update(
        key,
        "SET #status = :status, updated_at = :at ADD version :one",
        {":status": {"S": status}, ":at": {"S": at}, ":one": {"N": "1"}},
        lambda old: old | {"status": {"S": status}, "updated_at": {"S": at}, "version": _sum(old, "version", 1)},
        {"#status": "status"},
    )


def archive_order(key: Key) -> Change:
    """Without a status, the order leaves its sparse index."""
    return _update(
        key,
        "REMOVE #status",
        {},
        lambda old: {name: value for name, value in old.items() if name != "status"},
        {"#status": "status"},
    )


def change_quantity(key: Key, difference: int) -> Change:
    return _update(
        key,
        "SET quantity = quantity + :difference",
        {":difference": {"N": str(difference)}},
        lambda old: old | {"quantity": _sum(old, "quantity", difference)},
    )


def note(key: Key, text: str) -> Change:
    """One more line in a list that may not exist yet."""
    return _update(
        key,
        "SET notes = list_append(if_not_exists(notes, :none), :note)",
        {":none": {"L": []}, ":note": {"L": [{"S": text}]}},
        lambda old: old | {"notes": {"L": [*old.get("notes", {"L": []})["L"], {"S": text}]}},
    )


def move_house(key: Key, street: str, points: int) -> Change:
    """A nested attribute, a counter and a set in one update."""
    return _update(
        key,
        "SET address.street = :street ADD loyalty_points :points, interests :interest",
        {":street": {"S": street}, ":points": {"N": str(points)}, ":interest": {"SS": ["moving"]}},
        lambda old: (
            old
            | {
                "address": {"M": old["address"]["M"] | {"street": {"S": street}}},
                "loyalty_points": _sum(old, "loyalty_points", points),
                "interests": {"SS": sorted({*old["interests"]["SS"], "moving"})},
            }
        ),
    )


def _update(
    key: Key, expression: str, values: Item, after: Callable[[Item], Item], names: dict[str, str] | None = None
) -> Change:
    """An update of an item that must exist."""

    def of_existing(old: Item | None) -> Item:
        assert old is not None
        return after(old)

    arguments: dict[str, Any] = {
        "Key": _key(key),
        "UpdateExpression": expression,
        "ConditionExpression": "attribute_exists(pk)",
    }
    if values:
        arguments["ExpressionAttributeValues"] = values
    if names:
        arguments["ExpressionAttributeNames"] = names
    return Change(key, "update_item", arguments, of_existing)


def _key(key: Key) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _sum(old: Item, name: str, difference: int) -> Value:
    return {"N": str(int(old.get(name, {"N": "0"})["N"]) + difference)}
