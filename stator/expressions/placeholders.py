"""ExpressionAttributeNames and ExpressionAttributeValues: what a request may put there, and that it uses all of it.

`check_placeholders` is the one gate for a request's expressions. Behind it every placeholder is defined and every
operand that can be judged without an item has a fitting type; evaluation relies on both.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stator.expressions.ast import Condition, Expression, Projection, Update
from stator.expressions.condition_checks import check_condition
from stator.expressions.paths import conflict, resolve
from stator.expressions.update_checks import check_update
from stator.model.attributes import NAME_BYTES_MAX, AttributeValue, normalise
from stator.model.errors import ValidationError

_NAME = re.compile(r"#[A-Za-z0-9_]+")
_VALUE = re.compile(r":[A-Za-z0-9_]+")
_UNWRAPPED = "Nesting Levels"
"""The one complaint about a value to which AWS does not add the value's key."""


def normalise_names(names: Mapping[str, str] | None) -> dict[str, str]:
    """The request's ExpressionAttributeNames, checked; empty when absent (None)."""
    if names is None:
        return {}
    if not names:
        raise ValidationError("ExpressionAttributeNames must not be empty")
    for placeholder, name in names.items():
        if not _NAME.fullmatch(placeholder):
            raise _invalid_key("Names", placeholder)
        if not name:
            raise _invalid_value("Names", placeholder, "Empty attribute name")
        if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
            raise _invalid_value("Names", placeholder, "Attribute name is too large, must be less than 65536 bytes")
    return dict(names)


def normalise_values(values: Mapping[str, Any] | None) -> dict[str, AttributeValue]:
    """The request's ExpressionAttributeValues, checked and in canonical form; empty when absent (None)."""
    if values is None:
        return {}
    if not values:
        raise ValidationError("ExpressionAttributeValues must not be empty")
    for placeholder in values:
        if not _VALUE.fullmatch(placeholder):
            raise _invalid_key("Values", placeholder)
    normalised: dict[str, AttributeValue] = {}
    for placeholder, value in values.items():
        try:
            normalised[placeholder] = normalise({} if value is None else value)
        except ValidationError as error:
            if error.message.startswith(_UNWRAPPED):
                raise
            raise _invalid_value("Values", placeholder, error.message) from error
    return normalised


def check_presence(
    names: Mapping[str, str] | None,
    values: Mapping[str, Any] | None,
    given: Mapping[str, str | None],
    without_values: Sequence[str] = ("ProjectionExpression",),
) -> None:
    """Names and values need an expression to be used in.

    `given` has every expression member that the operation knows, in AWS's order, with its text or None.
    `without_values` are those that take no values.
    """
    if names is not None and all(text is None for text in given.values()):
        raise ValidationError("ExpressionAttributeNames can only be specified when using expressions")
    takers = [parameter for parameter in given if parameter not in without_values]
    if values is not None and takers and all(given[parameter] is None for parameter in takers):
        verb = "is" if len(takers) == 1 else "are"
        raise ValidationError(
            "ExpressionAttributeValues can only be specified when using expressions: "
            f"{' and '.join(takers)} {verb} null"
        )


def check_placeholders(
    expressions: Sequence[Expression], names: Mapping[str, str], values: Mapping[str, AttributeValue]
) -> None:
    """Check all expressions of one request against its names and values; both normalised.

    Raises ValidationError in AWS's words: for the first faulty expression, else for names, else for values that no
    expression uses.
    """
    used: set[str] = set()
    for expression in expressions:
        _check_defined(expression, names, values)
        used.update(expression.placeholders)
        match expression:
            case Condition():
                check_condition(expression, names, values)
            case Update():
                check_update(expression, names, values)
            case Projection():
                _check_projection(expression, names)
    for member, defined in (("Names", names), ("Values", values)):
        unused = [placeholder for placeholder in defined if placeholder not in used]
        if unused:
            raise ValidationError(
                f"Value provided in ExpressionAttribute{member} unused in expressions: keys: {{{', '.join(unused)}}}"
            )


def _check_defined(expression: Expression, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
    for placeholder in expression.placeholders:
        if placeholder[0] == "#":
            if placeholder not in names:
                raise ValidationError(
                    f"Invalid {expression.parameter}: An expression attribute name used in the document path is not "
                    f"defined; attribute name: {placeholder}"
                )
        elif placeholder not in values:
            raise ValidationError(
                f"Invalid {expression.parameter}: An expression attribute value used in expression is not defined; "
                f"attribute value: {placeholder}"
            )


def _check_projection(projection: Projection, names: Mapping[str, str]) -> None:
    reason = conflict(resolve(path, names) for path in projection.paths)
    if reason is not None:
        raise ValidationError(f"Invalid {projection.parameter}: {reason}")


def _invalid_key(member: str, placeholder: str) -> ValidationError:
    return ValidationError(f'ExpressionAttribute{member} contains invalid key: Syntax error; key: "{placeholder}"')


def _invalid_value(member: str, placeholder: str, reason: str) -> ValidationError:
    return ValidationError(f"ExpressionAttribute{member} contains invalid value: {reason} for key {placeholder}")
