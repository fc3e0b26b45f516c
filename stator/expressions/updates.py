"""What an update expression makes of an item.

Every operand is read from the item as it was, then all actions take effect at once: `SET a = b, b = a` swaps, and list
indexes mean the elements that were there before. The item given is never changed; the new one shares what stayed.
Source: AWS developer guide, "Update expressions"; order of effects as DynamoDB Local shows it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from stator.expressions.ast import Action, Add, Arithmetic, Call, Delete, Operand, Path, Remove, SetTo, Update, ValueRef
from stator.expressions.conditions import PARSED_MAX
from stator.expressions.paths import PathTree, ResolvedPath, read, resolve, tree_of
from stator.expressions.projections import pick
from stator.expressions.update_grammar import read_update
from stator.model import numbers
from stator.model.attributes import AttributeValue, check_nesting, nesting_of
from stator.model.errors import ValidationError
from stator.model.item import Item

Paths = tuple[ResolvedPath, ...]


class UpdateResult(NamedTuple):
    """The new item, and the paths that actions named (for UPDATED_OLD and UPDATED_NEW)."""

    item: Item
    touched: Paths


@lru_cache(maxsize=PARSED_MAX)
def parse_update(text: str, parameter: str = "UpdateExpression") -> Update:
    """Parse an update expression. Raises ValidationError with AWS's text, naming `parameter`."""
    return read_update(text, parameter)


def apply_update(
    update: Update, item: Item, names: Mapping[str, str], values: Mapping[str, AttributeValue]
) -> UpdateResult:
    """Apply an update whose placeholders have been checked.

    Raises ValidationError in AWS's words when the item does not suit it: a missing operand, a wrong type, a path into
    nowhere, a number out of range, too many levels.
    """
    paths = tuple(resolve(action.path, names) for action in update.actions)
    scope = _Scope(item, names, values)
    effects = []
    for action, path in zip(update.actions, paths, strict=True):
        _check_parent(item, path)
        effects.append((path, _Effect(scope.outcome(action, path))))
    return UpdateResult(_changed_map(item, tree_of(effects)), paths)


def select_paths(item: Item, paths: Paths) -> Item:
    """Only what lies at these paths: UPDATED_OLD of the item before, UPDATED_NEW of the item after."""
    return pick(item, paths)


class _Effect(NamedTuple):
    """What an action leaves at its path; None: nothing."""

    value: AttributeValue | None


class _Scope:
    """What operands refer to: the item as it was."""

    def __init__(self, item: Item, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
        self._item = item
        self._names = names
        self._values = values

    def outcome(self, action: Action, path: ResolvedPath) -> AttributeValue | None:
        match action:
            case SetTo():
                value = self._result(action.value)
                check_nesting(len(path) - 1 + nesting_of(value))
                return value
            case Remove():
                return None
            case Add():
                return _added(read(self._item, path), self._values[action.value.name])
            case Delete():
                return _deleted(read(self._item, path), self._values[action.value.name])

    def _result(self, value: Operand | Arithmetic) -> AttributeValue:
        if not isinstance(value, Arithmetic):
            return self._value(value)
        combine = numbers.add if value.operator == "+" else numbers.subtract
        return {"N": combine(self._content(value.left, "N"), self._content(value.right, "N"))}

    def _value(self, operand: Operand) -> AttributeValue:
        match operand:
            case ValueRef():
                return self._values[operand.name]
            case Path():
                found = self._found(operand)
                if found is None:
                    raise ValidationError(
                        "The provided expression refers to an attribute that does not exist in the item"
                    )
                return found
            case Call(function="list_append", arguments=(first, second)):
                return {"L": [*self._content(first, "L"), *self._content(second, "L")]}
            case Call(arguments=(Path() as path, fallback)):  # if_not_exists, the only other function
                found = self._found(path)
                return self._value(fallback) if found is None else found
            case Call():
                raise AssertionError(operand)  # `update_checks` lets no other operands through

    def _content(self, operand: Operand, kind: str) -> Any:
        return _content(self._value(operand), kind)

    def _found(self, path: Path) -> AttributeValue | None:
        return read(self._item, resolve(path, self._names))


def _content(value: AttributeValue, kind: str) -> Any:
    if kind not in value:
        raise ValidationError("An operand in the update expression has an incorrect data type")
    return value[kind]


def _added(old: AttributeValue | None, value: AttributeValue) -> AttributeValue:
    if old is None:
        return value
    kind, content = next(iter(value.items()))
    before = _content(old, kind)
    if kind == "N":
        return {"N": numbers.add(before, content)}
    present = set(before)
    return {kind: [*before, *(member for member in content if member not in present)]}


def _deleted(old: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    if old is None:
        return None
    kind, content = next(iter(value.items()))
    unwanted = set(content)
    left = [member for member in _content(old, kind) if member not in unwanted]
    return {kind: left} if left else None  # there are no empty sets


# --- all effects at once -------------------------------------------------------------------------------------


def _check_parent(item: Item, path: ResolvedPath) -> None:
    """A path must end in a map or list that is there, though what it ends on need not be."""
    if len(path) > 1:
        parent = read(item, path[:-1])
        if parent is None or ("M" if isinstance(path[-1], str) else "L") not in parent:
            raise ValidationError("The document path provided in the update expression is invalid for update")


def _changed(value: AttributeValue, change: _Effect | PathTree) -> AttributeValue | None:
    if isinstance(change, _Effect):
        return change.value
    if "M" in value:
        return {"M": _changed_map(value["M"], change)}
    return {"L": _changed_list(value["L"], change)}


def _changed_map(members: Item, tree: PathTree) -> Item:
    result = dict(members)
    for step, change in tree.items():
        name = str(step)
        value = _changed(members.get(name, {}), change)
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _changed_list(elements: list[AttributeValue], tree: PathTree) -> list[AttributeValue]:
    """Indexes beyond the end append, in their order, with no gaps; removals close up last."""
    result: list[AttributeValue | None] = list(elements)
    for step, change in sorted(tree.items()):
        index = int(step)
        if index < len(elements):
            result[index] = _changed(elements[index], change)
        else:
            result.append(_changed({}, change))
    return [element for element in result if element is not None]
