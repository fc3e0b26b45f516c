"""What an update expression makes of an item.

Every operand is read from the item as it was, then all actions take effect at once: `SET a = b, b = a` swaps, and list
indexes mean the elements that were there before. The item given is never changed; the new one shares what stayed.
Source: AWS developer guide, "Update expressions"; order of effects as DynamoDB Local shows it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from stator.expressions.ast import Action, Add, Arithmetic, Call, Delete, Operand, Path, Remove, SetTo, Update, ValueRef
from stator.expressions.conditions import PARSED_MAX
from stator.expressions.paths import PathTree, ResolvedPath, read, resolve, tree_of
from stator.expressions.projections import pick
from stator.expressions.update_grammar import read_update
from stator.model import numbers
from stator.model.attributes import AttributeValue, check_nesting, kind_of, nesting_of
from stator.model.errors import ValidationError
from stator.model.item import Item

Paths = tuple[ResolvedPath, ...]

_WRONG_TYPE = "An operand in the update expression has an incorrect data type"
_NO_SUCH_PATH = "The document path provided in the update expression is invalid for update"
_NO_SUCH_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"


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
    effects = [(path, _Effect(scope.outcome(action, path))) for action, path in zip(update.actions, paths, strict=True)]
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
        left, right = self._value(value.left), self._value(value.right)
        if "N" not in left or "N" not in right:
            raise ValidationError(_WRONG_TYPE)
        combine = numbers.add if value.operator == "+" else numbers.subtract
        return {"N": combine(left["N"], right["N"])}

    def _value(self, operand: Operand) -> AttributeValue:
        match operand:
            case ValueRef():
                return self._values[operand.name]
            case Path():
                found = self._found(operand)
                if found is None:
                    raise ValidationError(_NO_SUCH_ATTRIBUTE)
                return found
            case Call(function="list_append", arguments=(first, second)):
                left, right = self._value(first), self._value(second)
                if "L" not in left or "L" not in right:
                    raise ValidationError(_WRONG_TYPE)
                return {"L": [*left["L"], *right["L"]]}
            case Call(arguments=(Path() as path, fallback)):  # if_not_exists, the only other function
                found = self._found(path)
                return self._value(fallback) if found is None else found
            case Call():
                raise AssertionError(operand)  # `update_checks` lets no other operands through

    def _found(self, path: Path) -> AttributeValue | None:
        return read(self._item, resolve(path, self._names))


def _added(old: AttributeValue | None, value: AttributeValue) -> AttributeValue:
    if old is None:
        return value
    kind, content = next(iter(value.items()))
    if kind not in old:
        raise ValidationError(_WRONG_TYPE)
    if kind == "N":
        return {"N": numbers.add(old["N"], content)}
    present = set(old[kind])
    return {kind: [*old[kind], *(member for member in content if member not in present)]}


def _deleted(old: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    if old is None:
        return None
    kind, content = next(iter(value.items()))
    if kind not in old:
        raise ValidationError(_WRONG_TYPE)
    unwanted = set(content)
    left = [member for member in old[kind] if member not in unwanted]
    return {kind: left} if left else None  # there are no empty sets


# --- all effects at once -------------------------------------------------------------------------------------


def _changed(value: AttributeValue, tree: PathTree) -> AttributeValue:
    into_map = isinstance(next(iter(tree)), str)
    match kind_of(value):
        case "M" if into_map:
            return {"M": _changed_map(value["M"], tree)}
        case "L" if not into_map:
            return {"L": _changed_list(value["L"], tree)}
        case _:
            raise ValidationError(_NO_SUCH_PATH)


def _changed_map(members: Item, tree: PathTree) -> Item:
    result = dict(members)
    for name, change in tree.items():
        assert isinstance(name, str), "one tree level holds names or indexes, never both"
        if not isinstance(change, _Effect):
            if name not in members:
                raise ValidationError(_NO_SUCH_PATH)
            result[name] = _changed(members[name], change)
        elif change.value is not None:
            result[name] = change.value
        else:
            result.pop(name, None)
    return result


def _changed_list(elements: list[AttributeValue], tree: PathTree) -> list[AttributeValue]:
    """Indexes beyond the end append, in their order, with no gaps; removals close up last."""
    result: list[AttributeValue | None] = list(elements)
    for index, change in sorted(tree.items()):
        assert isinstance(index, int), "one tree level holds names or indexes, never both"
        if not isinstance(change, _Effect):
            if index >= len(elements):
                raise ValidationError(_NO_SUCH_PATH)
            result[index] = _changed(elements[index], change)
        elif index < len(elements):
            result[index] = change.value
        else:
            result.append(change.value)
    return [element for element in result if element is not None]
