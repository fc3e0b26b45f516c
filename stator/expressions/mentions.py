"""Every document path that an expression mentions, for rules about what may be mentioned where."""

from stator.expressions.ast import (
    And,
    Arithmetic,
    Call,
    Condition,
    Expression,
    Not,
    Operand,
    Or,
    Path,
    Predicate,
    Projection,
    SetTo,
    Update,
    ValueRef,
    operands_of,
)


def paths_in(expression: Expression) -> tuple[Path, ...]:
    """All paths, in the order written, repeated as often as they are."""
    match expression:
        case Condition():
            return _of_term(expression.predicate)
        case Projection():
            return expression.paths
        case Update():
            return tuple(
                path
                for action in expression.actions
                for path in (action.path, *(_of_value(action.value) if isinstance(action, SetTo) else ()))
            )


def _of_term(node: Predicate | Operand) -> tuple[Path, ...]:
    match node:
        case Path() | ValueRef():
            return _of_value(node)
        case Not():
            return _of_term(node.part)
        case And() | Or():
            return tuple(path for part in node.parts for path in _of_term(part))
        case _:
            return tuple(path for operand in operands_of(node) for path in _of_value(operand))


def _of_value(value: Operand | Arithmetic) -> tuple[Path, ...]:
    match value:
        case Path():
            return (value,)
        case ValueRef():
            return ()
        case Arithmetic():
            return (*_of_value(value.left), *_of_value(value.right))
        case Call():
            return tuple(path for argument in value.arguments for path in _of_value(argument))
