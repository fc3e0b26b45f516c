"""The expressions of one request: parsed, checked against its names and values, and bundled for the partition.

Names and values belong to all of a request's expressions together, so they are checked together. The parameters from before
expressions (Expected, AttributeUpdates, …) are rewritten as expressions here; nothing behind this file knows them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from stator.expressions.ast import Condition, Projection, Update
from stator.expressions.conditions import parse_condition
from stator.expressions.key_conditions import parse_key_condition
from stator.expressions.legacy import (
    Rewritten,
    rewrite_attributes_to_get,
    rewrite_expected,
    rewrite_filter,
    rewrite_updates,
)
from stator.expressions.mentions import paths_in
from stator.expressions.paths import resolve
from stator.expressions.placeholders import check_placeholders, check_presence, normalise_names, normalise_values
from stator.expressions.projections import parse_projection
from stator.expressions.updates import parse_update
from stator.model.attributes import AttributeValue
from stator.model.errors import ValidationError
from stator.rules.commands import Expression

_LEGACY = {
    "ConditionExpression": ("Expected", "ConditionalOperator"),
    "UpdateExpression": ("AttributeUpdates",),
    "ProjectionExpression": ("AttributesToGet",),
    "FilterExpression": ("QueryFilter", "ScanFilter", "ConditionalOperator"),
    "KeyConditionExpression": ("KeyConditions",),
}


class _Given(NamedTuple):
    parsed: Condition | Update | Projection
    text: str
    names: dict[str, str]
    values: dict[str, Any]


class ExpressionParameters:
    """Names, values and expressions of a request. Call `check` once, after the request's items have been looked at.

    `members` are the expression members that the operation knows, in AWS's order.
    Raises ValidationError when one does not parse, when old and new parameters are mixed, or when names or values are
    malformed or there is nothing to use them in.
    """

    def __init__(self, request: dict[str, Any], *members: str) -> None:
        texts = {member: request.get(member) for member in members}
        names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
        _check_not_mixed(request, texts)
        if names is not None or values is not None:
            check_presence(names, values, texts)
        self.names = normalise_names(names)
        self.values = normalise_values(values)
        self._given: dict[str, _Given] = {}
        self._old = False
        for member in members:
            text = texts[member]
            if text is not None:
                self._given[member] = _Given(_parse(member, text), text, self.names, self.values)
                continue
            rewritten = _rewrite(member, request)
            if rewritten is not None:
                self._old = True
                self._given[member] = _Given(_parse(member, rewritten.text), *rewritten)

    def check(self) -> None:
        """Every placeholder is defined, every name and value used, every operand of a type that fits."""
        if self._old:
            for given in self._given.values():
                check_placeholders([given.parsed], given.names, given.values)
        elif self._given:
            check_placeholders([given.parsed for given in self._given.values()], self.names, self.values)

    def condition(self, member: str) -> Condition | None:
        """A condition, filter or key condition, parsed."""
        found = self._given.get(member)
        if found is None:
            return None
        assert isinstance(found.parsed, Condition)
        return found.parsed

    def update(self) -> Update | None:
        """The update expression, parsed."""
        found = self._given.get("UpdateExpression")
        if found is None:
            return None
        assert isinstance(found.parsed, Update)
        return found.parsed

    def names_of(self, member: str) -> dict[str, str]:
        """What the `#names` of one expression stand for."""
        found = self._given.get(member)
        return {} if found is None else found.names

    def values_of(self, member: str) -> dict[str, AttributeValue]:
        """What the `:values` of one expression stand for."""
        found = self._given.get(member)
        return {} if found is None else found.values

    def attributes(self, member: str) -> Iterator[str]:
        """The attributes that one expression mentions, in the order written."""
        found = self._given.get(member)
        if found is not None:
            yield from (str(resolve(path, found.names)[0]) for path in paths_in(found.parsed))

    def entered(self) -> Iterator[str]:
        """The attributes that document paths lead into, beyond their names."""
        for given in self._given.values():
            if "." in given.text or "[" in given.text:
                paths = (resolve(path, given.names) for path in paths_in(given.parsed))
                yield from (str(path[0]) for path in paths if len(path) > 1)

    def bundle(self, member: str) -> Expression | None:
        """One expression with just the names and values that it uses, as the partition gets it."""
        found = self._given.get(member)
        if found is None:
            return None
        used = found.parsed.placeholders
        return Expression(
            found.text,
            {name: found.names[name] for name in used if name in found.names},
            {name: found.values[name] for name in used if name in found.values},
        )


def _parse(member: str, text: str) -> Condition | Update | Projection:
    match member:
        case "UpdateExpression":
            return parse_update(text)
        case "ProjectionExpression":
            return parse_projection(text)
        case "KeyConditionExpression":
            return parse_key_condition(text)
        case _:
            return parse_condition(text, member)


def _rewrite(member: str, request: dict[str, Any]) -> Rewritten | None:
    match member:
        case "ConditionExpression":
            return rewrite_expected(request.get("Expected"), request.get("ConditionalOperator"))
        case "FilterExpression":
            return rewrite_filter(
                request.get("QueryFilter") or request.get("ScanFilter"), request.get("ConditionalOperator")
            )
        case "UpdateExpression":
            return rewrite_updates(request.get("AttributeUpdates"))
        case "ProjectionExpression":
            return rewrite_attributes_to_get(request.get("AttributesToGet"))
        case _:
            return None


def _check_not_mixed(request: dict[str, Any], texts: dict[str, str | None]) -> None:
    new = [member for member, text in texts.items() if text is not None]
    # KeyConditions alone go with the other expressions of a query; only the expression they stand for excludes them.
    replaced = [text for text in texts if text != "KeyConditionExpression" or texts[text] is not None]
    old = [member for text in replaced for member in _LEGACY[text] if request.get(member) is not None]
    if new and old:
        raise ValidationError(
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
            f"{{{', '.join(dict.fromkeys(old))}}} Expression parameters: {{{', '.join(new)}}}"
        )
