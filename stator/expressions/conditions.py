"""Whether an item fulfils a condition.

Nothing here fails: an attribute that is missing, or of a type that an operator has no meaning for, makes the operator
false (and `<>` true). Requests that never made sense were rejected by `placeholders.check_placeholders`.
Source: AWS developer guide, "Condition and filter expressions"; corner cases as DynamoDB Local answers them.
"""

import operator
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from stator.expressions.ast import (
    And,
    Between,
    Call,
    Comparison,
    Condition,
    Membership,
    Not,
    Operand,
    Or,
    Path,
    Predicate,
    ValueRef,
)
from stator.expressions.condition_grammar import read_condition
from stator.expressions.paths import read, resolve
from stator.model.attributes import ORDERED, AttributeValue, equal, rank
from stator.model.item import Item

PARSED_MAX = 4_096
"""Parsed expressions kept; applications have tens of texts, and each costs a few kilobytes."""


@lru_cache(maxsize=PARSED_MAX)
def parse_condition(text: str, parameter: str = "ConditionExpression") -> Condition:
    """Parse a condition or filter. `parameter` is the request member it came in, which errors name.

    Raises ValidationError with AWS's text.
    """
    return read_condition(text, parameter)


def matches(condition: Condition, item: Item, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> bool:
    """Whether the item (empty: there is none) fulfils the condition; the placeholders have been checked."""
    return _holds(condition.predicate, _Scope(item, names, values))


class _Scope:
    """What operands refer to."""

    __slots__ = ("_item", "_names", "_values")

    def __init__(self, item: Item, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
        self._item = item
        self._names = names
        self._values = values

    def value(self, operand: Operand) -> AttributeValue | None:
        """What an operand stands for; None if for nothing."""
        if isinstance(operand, Path):
            return read(self._item, resolve(operand, self._names))
        if isinstance(operand, ValueRef):
            return self._values[operand.name]
        return _size(self.value(operand.arguments[0]))


def _holds(node: Predicate, scope: _Scope) -> bool:
    match node:
        case Comparison():
            return _compares(node.operator, scope.value(node.left), scope.value(node.right))
        case Call():
            return _FUNCTIONS[node.function](*map(scope.value, node.arguments))
        case And():
            return all(_holds(part, scope) for part in node.parts)
        case Or():
            return any(_holds(part, scope) for part in node.parts)
        case Not():
            return not _holds(node.part, scope)
        case Between():
            subject = scope.value(node.subject)
            return _compares(">=", subject, scope.value(node.lower)) and _compares(
                "<=", subject, scope.value(node.upper)
            )
        case Membership():
            subject = scope.value(node.subject)
            return any(_compares("=", subject, scope.value(choice)) for choice in node.choices)


def _compares(comparator: str, left: AttributeValue | None, right: AttributeValue | None) -> bool:
    if left is None or right is None:
        return comparator == "<>"
    if comparator == "=":
        return equal(left, right)
    if comparator == "<>":
        return not equal(left, right)
    kind = next(iter(left))
    return kind in ORDERED and kind in right and _ORDER[comparator](rank(left), rank(right))


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# --- functions -----------------------------------------------------------------------------------------------


def _size(value: AttributeValue | None) -> AttributeValue | None:
    """Strings in UTF-16 units, binaries in bytes, all else in members; numbers and flags have no size."""
    if value is None:
        return None
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            size = len(content) if content.isascii() else len(content.encode("utf-16-le", "surrogatepass")) // 2
        case "B":
            size = len(b64decode(content))
        case "SS" | "NS" | "BS" | "L" | "M":
            size = len(content)
        case _:
            return None
    return {"N": str(size)}


def _exists(value: AttributeValue | None) -> bool:
    return value is not None


def _not_exists(value: AttributeValue | None) -> bool:
    return value is None


def _has_type(value: AttributeValue | None, wanted: AttributeValue | None) -> bool:
    return value is not None and wanted is not None and wanted.get("S") in value


def _begins_with(value: AttributeValue | None, prefix: AttributeValue | None) -> bool:
    if value is None or prefix is None:
        return False
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    return "B" in value and "B" in prefix and b64decode(value["B"]).startswith(b64decode(prefix["B"]))


def _contains(value: AttributeValue | None, wanted: AttributeValue | None) -> bool:
    if value is None or wanted is None:
        return False
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            return "S" in wanted and wanted["S"] in content
        case "B":
            return "B" in wanted and b64decode(wanted["B"]) in b64decode(content)
        case "SS" | "NS" | "BS":
            return wanted.get(kind[0]) in content
        case "L":
            return any(equal(element, wanted) for element in content)
        case _:
            return False


_FUNCTIONS: dict[str, Callable[..., bool]] = {
    "attribute_exists": _exists,
    "attribute_not_exists": _not_exists,
    "attribute_type": _has_type,
    "begins_with": _begins_with,
    "contains": _contains,
}
