"""What a key condition asks of a query: one partition key, maybe a range of sort keys.

A key condition reads like a condition and is parsed like one; here it must turn out to be `partition = value`, maybe
with one more comparison of the sort key. Source: AWS developer guide, "Key condition expressions".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

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
    operands_of,
    operator_of,
)
from stator.expressions.condition_grammar import read_condition
from stator.expressions.conditions import PARSED_MAX
from stator.expressions.paths import resolve
from stator.model.attributes import AttributeValue
from stator.model.errors import ValidationError
from stator.model.tables import KeyAttribute, KeySchema

SortOperator = Literal["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"]

_SUPPORTED: dict[str, SortOperator] = {
    "=": "=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "BETWEEN": "BETWEEN",
    "begins_with": "begins_with",
}
_MIRRORED: dict[str, SortOperator] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CONDITIONS_MAX = 2


@dataclass(frozen=True, slots=True)
class SortCondition:
    """`sort key operator values`: two values (lower, upper; both included) for BETWEEN, one for the others."""

    operator: SortOperator
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The items a query looks at: one partition key, all its sort keys or those that fulfil `sort`."""

    partition: AttributeValue
    sort: SortCondition | None


@lru_cache(maxsize=PARSED_MAX)
def parse_key_condition(text: str, parameter: str = "KeyConditionExpression") -> Condition:
    """Parse a key condition. Raises ValidationError with AWS's text, naming `parameter`."""
    return read_condition(text, parameter)


def bind(
    condition: Condition, names: Mapping[str, str], values: Mapping[str, AttributeValue], key: KeySchema
) -> KeyRange:
    """The range of keys a key condition asks for; its placeholders have been checked.

    `key` is that of the table or index queried. Raises ValidationError in AWS's words for a condition that no range of
    keys answers.
    """
    asked: dict[str, SortCondition] = {}
    for term in _terms(condition.predicate):
        name, sort_condition = _term(term, names, values)
        if name in asked:
            raise ValidationError("KeyConditionExpressions must only contain one condition per key")
        asked[name] = sort_condition
    return range_of(asked, key)


def range_of(asked: Mapping[str, SortCondition], key: KeySchema) -> KeyRange:
    """The range that conditions by attribute name ask for. Raises ValidationError if they do not fit the key."""
    if len(asked) > _CONDITIONS_MAX:
        raise ValidationError("Conditions can be of length 1 or 2 only")
    if key.sort is None and len(asked) > 1:
        raise ValidationError("Query key condition not supported")
    partition = _asked_of(key.partition, asked)
    if partition is None:
        raise _missed(key.partition)
    if partition.operator != "=":
        raise ValidationError("Query key condition not supported")
    (value,) = partition.values
    sort = None if key.sort is None else _asked_of(key.sort, asked)
    if key.sort is not None and sort is None and len(asked) > 1:
        raise _missed(key.sort)
    return KeyRange(value, sort)


def _asked_of(attribute: KeyAttribute, asked: Mapping[str, SortCondition]) -> SortCondition | None:
    condition = asked.get(attribute.name)
    if condition is not None and any(attribute.type not in value for value in condition.values):
        raise ValidationError(
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
        )
    if condition is not None and any(value[attribute.type] == "" for value in condition.values):
        raise ValidationError(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {'string' if attribute.type == 'S' else 'binary'} value. Key: {attribute.name}"
        )
    return condition


def _missed(attribute: KeyAttribute) -> ValidationError:
    return ValidationError(f"Query condition missed key schema element: {attribute.name}")


def _terms(node: Predicate) -> Iterator[Comparison | Between | Call]:
    match node:
        case And():
            for part in node.parts:
                yield from _terms(part)
        case Or():
            raise _unsupported("OR")
        case Not():
            raise _unsupported("NOT")
        case Membership():
            raise _unsupported("IN")
        case Comparison() | Between() | Call():
            if operator_of(node) not in _SUPPORTED:
                raise _unsupported(operator_of(node))
            yield node


def _term(
    node: Comparison | Between | Call, names: Mapping[str, str], values: Mapping[str, AttributeValue]
) -> tuple[str, SortCondition]:
    operator = _SUPPORTED[operator_of(node)]
    operands = operands_of(node)
    if any(isinstance(operand, Call) for operand in operands):
        raise ValidationError("KeyConditionExpressions cannot contain nested operations")
    if isinstance(node, Between | Call) and not isinstance(operands[0], Path):
        raise _invalid(f"{operator} operator must have the key attribute as its first operand")
    paths = [resolve(operand, names) for operand in operands if isinstance(operand, Path)]
    if not paths:
        raise _invalid("No key attribute specified")
    if len(paths) > 1:
        raise _invalid("Multiple attribute names used in one condition")
    (path,) = paths
    if len(path) > 1:
        raise ValidationError("KeyConditionExpressions cannot have conditions on nested attributes")
    if isinstance(operands[0], ValueRef):
        operator = _MIRRORED[operator]
    return str(path[0]), SortCondition(operator, _values_of(operands, values))


def _values_of(operands: tuple[Operand, ...], values: Mapping[str, AttributeValue]) -> tuple[AttributeValue, ...]:
    return tuple(values[operand.name] for operand in operands if isinstance(operand, ValueRef))


def _unsupported(operator: str) -> ValidationError:
    return ValidationError(f"Invalid operator used in KeyConditionExpression: {operator}")


def _invalid(reason: str) -> ValidationError:
    return ValidationError(f"Invalid condition in KeyConditionExpression: {reason}")
