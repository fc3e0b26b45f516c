"""The expressions of one request: parsed, checked against its names and values, and bundled for the partition.

Names and values belong to all of a request's expressions together, so they are checked together.
"""

from typing import Any

from stator.expressions.ast import Condition, Projection, Update
from stator.expressions.placeholders import check_placeholders, check_presence, normalise_names, normalise_values
from stator.rules.commands import Expression


class ExpressionParameters:
    """Names, values and expressions of a request, checked in AWS's order.

    `texts` has every expression member that the operation knows, in AWS's order, with its text or None.
    Raises ValidationError when names or values are malformed or there is nothing to use them in.
    """

    def __init__(self, request: dict[str, Any], *members: str) -> None:
        names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
        self._texts = {member: request.get(member) for member in members}
        if names is not None or values is not None:
            check_presence(names, values, self._texts)
        self.names = normalise_names(names)
        self.values = normalise_values(values)

    def text(self, member: str) -> str | None:
        """The text of one expression member."""
        return self._texts.get(member)

    def check(self, *parsed: Condition | Update | Projection | None) -> None:
        """Every placeholder is defined, every name and value used, every operand of a type that fits."""
        given = [expression for expression in parsed if expression is not None]
        if given or self.names or self.values:
            check_placeholders(given, self.names, self.values)

    def bundle(self, parsed: Condition | Update | Projection | None, text: str | None) -> Expression | None:
        """One expression with just the names and values that it uses, as the partition gets it."""
        if parsed is None or text is None:
            return None
        used = parsed.placeholders
        return Expression(
            text,
            {name: self.names[name] for name in used if name in self.names},
            {name: self.values[name] for name in used if name in self.values},
        )
