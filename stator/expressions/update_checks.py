"""What can be said against an update before any item is read: overlapping paths, impossible operand types."""

from collections.abc import Iterable, Mapping

from stator.expressions.ast import Action, Add, Arithmetic, Call, Delete, Operand, Path, SetTo, Update, ValueRef
from stator.expressions.paths import conflict, describe, resolve
from stator.model.attributes import SETS, AttributeValue, kind_of
from stator.model.errors import ValidationError

_ARITY = 2
_LONG_NAMES = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "BOOL": "BOOLEAN", "NULL": "NULL", "L": "LIST", "M": "MAP"}
_ADDABLE = SETS | {"N"}


def check_update(update: Update, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
    """Raise AWS's ValidationError for the gravest fault; placeholders are all defined."""
    checker = _Checker(names, values)
    reason = (
        conflict(resolve(action.path, names) for action in update.actions)
        or _first(checker.member_fault(action) for action in update.actions)
        or _first(checker.fault(action.value) for action in update.actions if isinstance(action, SetTo))
    )
    if reason is not None:
        raise ValidationError(f"Invalid {update.parameter}: {reason}")


def check_keys_unchanged(update: Update, names: Mapping[str, str], keys: tuple[str, ...]) -> None:
    """Raise AWS's ValidationError when an update touches key attributes."""
    for action in update.actions:
        head = resolve(action.path, names)[0]
        if head in keys:
            raise ValidationError(
                "One or more parameter values were invalid: "
                f"Cannot update attribute {head}. This attribute is part of the key"
            )


class _Checker:
    def __init__(self, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
        self._names = names
        self._values = values

    def member_fault(self, action: Action) -> str | None:
        match action:
            case Add():
                section, allowed = "ADD", _ADDABLE
            case Delete():
                section, allowed = "DELETE", SETS
            case _:
                return None
        kind = kind_of(self._values[action.value.name])
        if kind in allowed:
            return None
        return (
            "Incorrect operand type for operator or function; "
            f"operator: {section}, operand type: {_LONG_NAMES[kind]}, typeSet: ALLOWED_FOR_{section}_OPERAND"
        )

    def fault(self, value: Operand | Arithmetic) -> str | None:
        match value:
            case Arithmetic():
                operands: tuple[Operand, ...] = (value.left, value.right)
                reason = self._wrong_type(value.operator, "N", operands)
            case Call():
                operands = value.arguments
                reason = self._call_fault(value)
            case _:
                return None
        return reason or _first(map(self.fault, operands))

    def _call_fault(self, call: Call) -> str | None:
        if len(call.arguments) != _ARITY:
            return (
                "Incorrect number of operands for operator or function; "
                f"operator or function: {call.function}, number of operands: {len(call.arguments)}"
            )
        if call.function == "list_append":
            return self._wrong_type(call.function, "L", call.arguments)
        first, second = call.arguments
        if not isinstance(first, Path):
            return f"Operator or function requires a document path; operator or function: {call.function}"
        path = resolve(first, self._names)
        if not isinstance(second, Path) or resolve(second, self._names) != path:
            return None
        return (
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {call.function}, first operand: {describe(path)}"
        )

    def _wrong_type(self, operator: str, wanted: str, operands: tuple[Operand, ...]) -> str | None:
        for operand in operands:
            if isinstance(operand, ValueRef) and wanted not in self._values[operand.name]:
                return (
                    "Incorrect operand type for operator or function; "
                    f"operator or function: {operator}, operand type: {kind_of(self._values[operand.name])}"
                )
        return None


def _first(reasons: Iterable[str | None]) -> str | None:
    return next(filter(None, reasons), None)
