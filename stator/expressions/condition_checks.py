"""What can be said against a condition before any item is read.

AWS rejects an operand of an impossible type even on an empty table, so this runs once per request, not per item.
"""

from collections.abc import Mapping

from stator.expressions.ast import (
    And,
    Between,
    Call,
    Comparison,
    Condition,
    Membership,
    Not,
    Operand,
    Operation,
    Or,
    Path,
    Predicate,
    ValueRef,
    operands_of,
    operator_of,
)
from stator.expressions.mentions import paths_in
from stator.expressions.paths import describe, resolve
from stator.model.attributes import ORDERED, AttributeValue, kind_of, rank
from stator.model.errors import ValidationError

_ARITY = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
_TYPES = ("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M")  # in the order in which AWS lists them
_UNSIZED = frozenset({"N", "BOOL", "NULL"})
_PREFIXED = frozenset({"S", "B"})


def check_condition(condition: Condition, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
    """Raise AWS's ValidationError for the first faulty operator or function; placeholders are all defined."""
    reason = _Checker(names, values).fault(condition.predicate)
    if reason is not None:
        raise ValidationError(f"Invalid {condition.parameter}: {reason}")


def check_filter(condition: Condition, names: Mapping[str, str], keys: tuple[str, ...]) -> None:
    """Raise AWS's ValidationError when a query's filter touches key attributes of what is queried."""
    for path in paths_in(condition):
        head = resolve(path, names)[0]
        if head in keys:
            raise ValidationError(
                f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {head}"
            )


class _Checker:
    def __init__(self, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
        self._names = names
        self._values = values

    def fault(self, node: Predicate | Operand) -> str | None:
        match node:
            case Path() | ValueRef():
                return None
            case Not():
                return self.fault(node.part)
            case And() | Or():
                return self._first(node.parts)
            case Comparison() | Between() | Membership() | Call():
                return self._first(operands_of(node)) or self._arity(node) or self._distinct(node) or self._types(node)

    def _first(self, nodes: tuple[Predicate | Operand, ...]) -> str | None:
        return next(filter(None, map(self.fault, nodes)), None)

    def _arity(self, node: Operation) -> str | None:
        if not isinstance(node, Call) or len(node.arguments) == _ARITY[node.function]:
            return None
        return (
            "Incorrect number of operands for operator or function; "
            f"operator or function: {node.function}, number of operands: {len(node.arguments)}"
        )

    def _distinct(self, node: Operation) -> str | None:
        first, *others = operands_of(node)
        if not isinstance(first, Path):
            return None
        path = resolve(first, self._names)
        if any(isinstance(other, Path) and resolve(other, self._names) == path for other in others):
            return (
                "The first operand must be distinct from the remaining operands for this operator or function; "
                f"operator: {operator_of(node)}, first operand: {describe(path)}"
            )
        return None

    def _types(self, node: Operation) -> str | None:
        match node:
            case Comparison():
                return None if node.operator in {"=", "<>"} else self._only(ORDERED, node)
            case Between():
                return self._only(ORDERED, node) or self._bounds(node)
            case Membership():
                return None
            case Call(function="begins_with"):
                return self._only(_PREFIXED, node)
            case Call(function="attribute_exists" | "attribute_not_exists", arguments=(argument,)):
                if isinstance(argument, Path):
                    return None
                return f"Operator or function requires a document path; operator or function: {node.function}"
            case Call(function="attribute_type", arguments=(_, wanted)):
                return self._type_name(wanted)
            case Call(function="size", arguments=(argument,)):
                kind = self._kind(argument)
                return _wrong_type("size", kind) if kind in _UNSIZED else None
            case _:
                return None

    def _only(self, kinds: frozenset[str], node: Comparison | Between | Call) -> str | None:
        for operand in operands_of(node):
            kind = self._kind(operand)
            if kind is not None and kind not in kinds:
                return _wrong_type(operator_of(node), kind)
        return None

    def _bounds(self, node: Between) -> str | None:
        if not isinstance(node.lower, ValueRef) or not isinstance(node.upper, ValueRef):
            return None
        lower, upper = self._values[node.lower.name], self._values[node.upper.name]
        shown = (
            f"lower bound operand: AttributeValue: {_shown(lower)}, "
            f"upper bound operand: AttributeValue: {_shown(upper)}"
        )
        if kind_of(lower) != kind_of(upper):
            return f"The BETWEEN operator requires same data type for lower and upper bounds; {shown}"
        if rank(lower) > rank(upper):  # type: ignore[operator]  # ranks of one type compare
            return f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {shown}"
        return None

    def _type_name(self, wanted: Operand) -> str | None:
        kind = self._kind(wanted)
        if kind != "S" or not isinstance(wanted, ValueRef):
            return _wrong_type("attribute_type", kind or "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
        name = self._values[wanted.name]["S"]
        if name in _TYPES:
            return None
        return f"Invalid attribute type name found; type: {name}, valid types: {{{','.join(_TYPES)}}}"

    def _kind(self, operand: Operand) -> str | None:
        """The type of an operand, as far as it is known without an item."""
        match operand:
            case ValueRef():
                return kind_of(self._values[operand.name])
            case Call():
                return "N"  # size is the only function that is an operand
            case Path():
                return None


def _wrong_type(operator: str, kind: str) -> str:
    return f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"


def _shown(value: AttributeValue) -> str:
    kind, content = next(iter(value.items()))
    return f"{{{kind}:{content}}}"
