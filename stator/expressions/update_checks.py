"""What can be said against an update before any item is read: overlapping paths, impossible operand types."""

from collections.abc import Mapping

from stator.expressions.ast import Action, Add, Arithmetic, Call, Delete, Operand, Path, SetTo, Update, ValueRef
from stator.expressions.paths import conflict, resolve
from stator.model.attributes import SETS, AttributeValue, kind_of
from stator.model.errors import ValidationError

_ARITY = 2
_LONG_NAMES = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "BOOL": "BOOLEAN", "NULL": "NULL", "L": "LIST", "M": "MAP"}
_ADDABLE = SETS | {"N"}


def check_update(update: Update, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
    """Raise AWS's ValidationError for the gravest fault; placeholders are all defined."""
    faults = (
        conflict(resolve(action.path, names) for action in update.actions),
        *(_operand_fault(action, values) for action in update.actions),
        *(_fault(action.value, values) for action in update.actions if isinstance(action, SetTo)),
    )
    reason = next(filter(None, faults), None)
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


def _operand_fault(action: Action, values: Mapping[str, AttributeValue]) -> str | None:
    match action:
        case Add():
            section, allowed = "ADD", _ADDABLE
        case Delete():
            section, allowed = "DELETE", SETS
        case _:
            return None
    kind = kind_of(values[action.value.name])
    if kind in allowed:
        return None
    return (
        "Incorrect operand type for operator or function; "
        f"operator: {section}, operand type: {_LONG_NAMES[kind]}, typeSet: ALLOWED_FOR_{section}_OPERAND"
    )


def _fault(value: Operand | Arithmetic, values: Mapping[str, AttributeValue]) -> str | None:
    match value:
        case Arithmetic():
            operands: tuple[Operand, ...] = (value.left, value.right)
            reason = _wrong_type(value.operator, "N", operands, values)
        case Call():
            operands = value.arguments
            reason = _call_fault(value, values)
        case _:
            return None
    return reason or next(filter(None, (_fault(operand, values) for operand in operands)), None)


def _call_fault(call: Call, values: Mapping[str, AttributeValue]) -> str | None:
    if len(call.arguments) != _ARITY:
        return (
            "Incorrect number of operands for operator or function; "
            f"operator or function: {call.function}, number of operands: {len(call.arguments)}"
        )
    if call.function == "list_append":
        return _wrong_type(call.function, "L", call.arguments, values)
    if isinstance(call.arguments[0], Path):
        return None
    return f"Operator or function requires a document path; operator or function: {call.function}"


def _wrong_type(
    operator: str, wanted: str, operands: tuple[Operand, ...], values: Mapping[str, AttributeValue]
) -> str | None:
    for operand in operands:
        if isinstance(operand, ValueRef) and wanted not in values[operand.name]:
            return (
                "Incorrect operand type for operator or function; "
                f"operator or function: {operator}, operand type: {kind_of(values[operand.name])}"
            )
    return None
