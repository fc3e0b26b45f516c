"""The parameters from before expressions (Expected, AttributeUpdates, KeyConditions, ...), rewritten as expressions.

Nothing behind the router knows the old parameters: each becomes an expression's text with names and values, every
attribute behind a placeholder. What the old parameters refuse, they refuse here, in words of their own.
Source: AWS developer guide, "Legacy conditional parameters"; checked against DynamoDB Local.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stator.expressions.key_conditions import KeyRange, SortCondition, SortOperator, range_of
from stator.model.attributes import ORDERED, SETS, AttributeValue, checked_name, kind_of, normalise, rank
from stator.model.errors import ValidationError
from stator.model.tables import KeySchema

_INVALID = "One or more parameter values were invalid: "
_TEMPLATES = {
    "EQ": "{name} = {0}",
    "NE": "{name} <> {0}",
    "LT": "{name} < {0}",
    "LE": "{name} <= {0}",
    "GT": "{name} > {0}",
    "GE": "{name} >= {0}",
    "BETWEEN": "{name} BETWEEN {0} AND {1}",
    "IN": "{name} IN ({all})",
    "BEGINS_WITH": "begins_with({name}, {0})",
    "CONTAINS": "contains({name}, {0})",
    # Unlike NOT contains(...), this is false of an attribute that is not there.
    "NOT_CONTAINS": "(attribute_exists({name}) AND NOT contains({name}, {0}))",
    "NULL": "attribute_not_exists({name})",
    "NOT_NULL": "attribute_exists({name})",
}
_MEMBERS = frozenset({"S", "N", "B", "BOOL", "NULL"})
_KINDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("LT", "LE", "GT", "GE", "BETWEEN", "IN"), ORDERED),
    **dict.fromkeys(("CONTAINS", "NOT_CONTAINS"), _MEMBERS),
    "BEGINS_WITH": frozenset({"S", "B"}),
}
_KEY_OPERATORS: dict[str, SortOperator] = {
    "EQ": "=",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}
_PAIR = 2


class Rewritten(NamedTuple):
    """An expression with what its placeholders stand for; values are normalised."""

    text: str
    names: dict[str, str]
    values: dict[str, AttributeValue]


def rewrite_expected(expected: Mapping[str, Any] | None, conditional_operator: str | None) -> Rewritten | None:
    """Expected with its ConditionalOperator as a condition; None when there is nothing to expect."""
    comparisons = {name: _expectation(name, condition) for name, condition in (expected or {}).items()}
    return _joined(comparisons, conditional_operator)


def rewrite_filter(conditions: Mapping[str, Any] | None, conditional_operator: str | None) -> Rewritten | None:
    """QueryFilter or ScanFilter with its ConditionalOperator as a filter; None when everything passes."""
    comparisons = {name: _comparison(condition) for name, condition in (conditions or {}).items()}
    return _joined(comparisons, conditional_operator)


def check_filter_attributes(conditions: Mapping[str, Any] | None, keys: tuple[str, ...]) -> None:
    """Raise AWS's ValidationError when a QueryFilter touches key attributes of what is queried."""
    for name in keys:
        if name in (conditions or {}):
            raise ValidationError(
                f"QueryFilter can only contain non-primary key attributes: Primary key attribute: {name}"
            )


def rewrite_updates(updates: Mapping[str, Any] | None) -> Rewritten | None:
    """AttributeUpdates as an update expression; None when nothing is to change."""
    bindings = _Bindings()
    sections: dict[str, list[str]] = {}
    for name, update in (updates or {}).items():
        action = update.get("Action") or "PUT"
        value = None if update.get("Value") is None else normalise(update["Value"])
        section, text = _action(action, bindings.name(name), value, bindings)
        sections.setdefault(section, []).append(text)
    return bindings.rewritten(" ".join(f"{section} {', '.join(texts)}" for section, texts in sections.items()))


def rewrite_attributes_to_get(attributes: Sequence[str] | None) -> Rewritten | None:
    """AttributesToGet as a projection expression; None when absent."""
    names = attributes or ()
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValidationError(f"{_INVALID}Duplicate value in attribute name: {name}")
    bindings = _Bindings()
    return bindings.rewritten(", ".join(map(bindings.name, names)))


def key_range(conditions: Mapping[str, Any], key: KeySchema) -> KeyRange:
    """KeyConditions as the range of keys they ask for, in a table or index with this key."""
    if not conditions:
        raise ValidationError("Conditions can be of length 1 or 2 only")
    asked = {}
    for name, condition in conditions.items():
        operator, values = _comparison(condition)
        if operator not in _KEY_OPERATORS:
            raise ValidationError("Attempted conditional constraint is not an indexable operation")
        asked[name] = SortCondition(_KEY_OPERATORS[operator], tuple(values))
    return range_of(asked, key)


class _Comparison(NamedTuple):
    operator: str
    values: list[AttributeValue]


class _Bindings:
    """Placeholders handed out so far."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}

    def name(self, attribute: str) -> str:
        return _bound(self._names, "#", checked_name(attribute))

    def value(self, value: AttributeValue) -> str:
        return _bound(self._values, ":", value)

    def rewritten(self, text: str) -> Rewritten | None:
        return Rewritten(text, self._names, self._values) if text else None


def _bound(bindings: dict[str, Any], sigil: str, meaning: object) -> str:
    placeholder = f"{sigil}{len(bindings)}"
    bindings[placeholder] = meaning
    return placeholder


def _joined(comparisons: Mapping[str, _Comparison], conditional_operator: str | None) -> Rewritten | None:
    if conditional_operator is not None and not comparisons:
        raise ValidationError("ConditionalOperator cannot be used without Filter or Expected")
    if conditional_operator is not None and len(comparisons) == 1:
        raise ValidationError("ConditionalOperator can only be used when Filter or Expected has two or more elements")
    bindings = _Bindings()
    terms = []
    for name, (operator, values) in comparisons.items():
        placeholders = [bindings.value(value) for value in values]
        term = _TEMPLATES[operator].format(*placeholders, name=bindings.name(name), all=", ".join(placeholders))
        terms.append(term)
    return bindings.rewritten(f" {conditional_operator or 'AND'} ".join(terms))


def _expectation(name: str, expected: Mapping[str, Any]) -> _Comparison:
    operator, exists = expected.get("ComparisonOperator"), expected.get("Exists")
    value, listed = expected.get("Value"), expected.get("AttributeValueList")
    if value is not None and listed is not None:
        raise ValidationError(f"{_INVALID}Value and AttributeValueList cannot be used together for Attribute: {name}")
    if operator is not None:
        if exists is not None:
            raise ValidationError(
                f"{_INVALID}Exists and ComparisonOperator cannot be used together for Attribute: {name}"
            )
        if value is None and listed is None and operator not in {"NULL", "NOT_NULL"}:
            raise ValidationError(
                f"{_INVALID}Value or AttributeValueList must be used with ComparisonOperator: {operator} "
                f"for Attribute: {name}"
            )
        return _comparison(
            {"ComparisonOperator": operator, "AttributeValueList": listed or [value] * (value is not None)}
        )
    if listed is not None:
        raise ValidationError(
            f"{_INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        )
    if exists is False:
        if value is not None:
            raise ValidationError(f"{_INVALID}Value cannot be used when Exists is false for Attribute: {name}")
        return _Comparison("NULL", [])
    if value is None:
        shown = "null" if exists is None else "true"
        raise ValidationError(f"{_INVALID}Value must be provided when Exists is {shown} for Attribute: {name}")
    return _Comparison("EQ", [normalise(value)])


def _comparison(condition: Mapping[str, Any]) -> _Comparison:
    operator = condition["ComparisonOperator"]
    values = [normalise(value) for value in condition.get("AttributeValueList") or []]
    if not _fits(operator, len(values)):
        raise ValidationError(f"{_INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator")
    kinds = [kind_of(value) for value in values]
    if len(set(kinds)) > 1:
        raise ValidationError(f"{_INVALID}AttributeValues inside AttributeValueList must be of same type")
    allowed = _KINDS.get(operator)
    if allowed is not None and kinds[0] not in allowed:
        raise ValidationError(
            f"{_INVALID}ComparisonOperator {operator} is not valid for {kinds[0]} AttributeValue type"
        )
    if operator == "BETWEEN":
        lower, upper = map(rank, values)
        if lower > upper:  # type: ignore[operator]  # ranks of one type compare
            raise ValidationError(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
            )
    return _Comparison(operator, values)


def _fits(operator: str, count: int) -> bool:
    match operator:
        case "NULL" | "NOT_NULL":
            return count == 0
        case "BETWEEN":
            return count == _PAIR
        case "IN":
            return count > 0
        case _:
            return count == 1


def _action(action: str, name: str, value: AttributeValue | None, bindings: _Bindings) -> tuple[str, str]:
    """The section an old action belongs in, and its text there."""
    if value is None:
        if action != "DELETE":
            raise ValidationError(f"{_INVALID}Only DELETE action is allowed when no attribute value is specified")
        return "REMOVE", name
    kind = kind_of(value)
    match action:
        case "PUT":
            return "SET", f"{name} = {bindings.value(value)}"
        case "DELETE":
            if kind not in SETS:
                raise ValidationError(f"{_INVALID}DELETE action with value is not supported for the type {kind}")
            return "DELETE", f"{name} {bindings.value(value)}"
        case _:
            return _addition(name, value, bindings)


def _addition(name: str, value: AttributeValue, bindings: _Bindings) -> tuple[str, str]:
    kind = kind_of(value)
    if kind == "L":
        nothing = bindings.value({"L": []})
        return "SET", f"{name} = list_append(if_not_exists({name}, {nothing}), {bindings.value(value)})"
    if kind != "N" and kind not in SETS:
        raise ValidationError(f"{_INVALID}ADD action is not supported for the type {kind}")
    return "ADD", f"{name} {bindings.value(value)}"
