"""May this write happen, and what does it leave behind? Pure: (item now, command) -> decision.

A refused condition is a value, not an exception: it is an ordinary outcome. What a decision leads to (a log record, an answer,
and when the answer may leave) is the leader's business; what the record does to a view is `rules/evolve.py`'s.
"""

from typing import NamedTuple

from stator.expressions.ast import Delete, Remove
from stator.expressions.conditions import matches, parse_condition
from stator.expressions.updates import Paths, apply_update, parse_update, select_paths
from stator.model.attributes import item_size
from stator.model.errors import ConditionalCheckFailedError, DomainError, ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.rules.capacity import WRITE_UNIT_BYTES
from stator.rules.commands import Command, DeleteItem, Expire, Expression, Outcome, PutItem, Replace, UpdateItem
from stator.rules.expiry import due
from stator.rules.index_capacity import index_units
from stator.rules.key_checks import index_key_fault
from stator.rules.transaction_messages import ConditionCheck

ITEM_BYTES_MAX = 400 * 1024
"""Names and values together. Source: AWS developer guide, "Quotas"."""


class Decision(NamedTuple):
    """`new` is the image left behind (None: no item). `changed` False means that nothing needs to be logged: the command was
    refused, or the item already is as asked.
    """

    new: bytes | None
    changed: bool
    answer: Outcome | DomainError


def decide(command: Command | ConditionCheck, old: bytes | None, version_us: int) -> Decision:
    """Decide a command, given the image (None: no item) and version now stored under its key."""
    match command:
        case PutItem():
            return _put(command, old)
        case UpdateItem():
            return _update(command, old)
        case DeleteItem():
            return _delete(command, old)
        case ConditionCheck():
            return _check(command, old)
        case Replace():
            return _replace(command, old, version_us)
        case Expire():
            return _expire(command, old)


def _put(command: PutItem, old: bytes | None) -> Decision:
    refusal = _refusal(command.condition, old, return_item=command.return_on_failure)
    if refusal is not None:
        return Decision(old, changed=False, answer=refusal)
    attributes = old if command.return_values == "ALL_OLD" else None
    outcome = Outcome(
        attributes=attributes,
        bytes_written=max(_size(command.image, command), _size(old, command)),
        index_units=_index_units(command, old, command.image),
    )
    return Decision(command.image, changed=command.image != old, answer=outcome)


def _delete(command: DeleteItem, old: bytes | None) -> Decision:
    refusal = _refusal(command.condition, old, return_item=command.return_on_failure)
    if refusal is not None:
        return Decision(old, changed=False, answer=refusal)
    attributes = old if command.return_values == "ALL_OLD" else None
    outcome = Outcome(
        attributes=attributes, bytes_written=_size(old, command), index_units=_index_units(command, old, None)
    )
    return Decision(None, changed=old is not None, answer=outcome)


def _update(command: UpdateItem, old: bytes | None) -> Decision:
    refusal = _refusal(command.condition, old, return_item=command.return_on_failure)
    if refusal is not None:
        return Decision(old, changed=False, answer=refusal)
    if old is None and _only_removes(command):
        return Decision(None, changed=False, answer=Outcome())
    before: Item = {} if old is None else decode_image(old)
    start = before if old is not None else command.key_item
    after: Item = start
    touched: Paths = ()
    if command.update is not None:
        expression = command.update
        try:
            after, touched = apply_update(parse_update(expression.text), start, expression.names, expression.values)
        except ValidationError as error:
            return Decision(old, changed=False, answer=error)
        fault = _fault(after, command)
        if fault is not None:
            return Decision(old, changed=False, answer=ValidationError(fault))
    new = encode_image(after)
    match command.return_values:
        case "ALL_OLD":
            shown: bytes | None = old
        case "ALL_NEW":
            shown = new
        case "UPDATED_OLD":
            shown = _shown(select_paths(before, touched))
        case "UPDATED_NEW":
            shown = _shown(select_paths(after, touched))
        case _:
            shown = None
    outcome = Outcome(
        attributes=shown,
        bytes_written=max(item_size(after), item_size(before)),
        index_units=index_units(command.indexes, None if old is None else before, after),
    )
    return Decision(new, changed=new != old, answer=outcome)


def _only_removes(command: UpdateItem) -> bool:
    """Whether nothing would be added to an item: such an update makes none where there is none, nor minds its paths."""
    if command.update is None:
        return False
    return all(isinstance(action, Remove | Delete) for action in parse_update(command.update.text).actions)


def _fault(after: Item, command: UpdateItem) -> str | None:
    if item_size(after) > ITEM_BYTES_MAX:
        return "Item size to update has exceeded the maximum allowed size"
    return index_key_fault(command.index_keys, after)


def _check(command: ConditionCheck, old: bytes | None) -> Decision:
    refusal = _refusal(command.condition, old, return_item=command.return_on_failure)
    return Decision(old, changed=False, answer=refusal or Outcome(bytes_written=_size(old, command)))


def _replace(command: Replace, old: bytes | None, version_us: int) -> Decision:
    if (0 if old is None else version_us) != command.expected_us:
        return Decision(old, changed=False, answer=ConditionalCheckFailedError(old))
    return Decision(command.image, changed=command.image != old, answer=Outcome())


def _expire(command: Expire, old: bytes | None) -> Decision:
    over = old is not None and due(decode_image(old), command.attribute, command.now_s)
    return Decision(None if over else old, changed=over, answer=Outcome())


def _refusal(condition: Expression | None, old: bytes | None, *, return_item: bool) -> DomainError | None:
    if condition is None:
        return None
    item: Item = {} if old is None else decode_image(old)
    try:
        holds = matches(parse_condition(condition.text), item, condition.names, condition.values)
    except ValidationError as error:
        return error
    if holds:
        return None
    return ConditionalCheckFailedError(old if return_item else None)


def _size(image: bytes | None, command: PutItem | DeleteItem | ConditionCheck) -> int:
    if image is None:
        return 0
    # An image is longer than the item it stands for, so up to one unit of capacity both cost the same.
    exact = command.measured and len(image) > WRITE_UNIT_BYTES
    return item_size(decode_image(image)) if exact else len(image)


def _index_units(command: PutItem | DeleteItem, old: bytes | None, new: bytes | None) -> dict[str, float]:
    if not command.indexes or old == new:
        return {}
    before, after = (None if image is None else decode_image(image) for image in (old, new))
    return index_units(command.indexes, before, after)


def _shown(item: Item) -> bytes | None:
    return encode_image(item) if item else None
