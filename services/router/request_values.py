"""The kinds of value a request can hold: which JSON each takes, which constraints it states, in AWS's words.

AWS looks at a request twice: first every member's JSON type (`typed`: the first misfit ends the request with a
SerializationException), then every constraint (`faults`: up to ten are reported together). Both passes follow that.
Attribute values are opaque here: `stator.model.attributes` reads them, and an item must not be walked twice.
Source: texts recorded from AWS in dynalite's validations/index.js and test/helpers.js (assertType).
"""
# ruff: noqa: D102 - `Kind` says once what the methods of all kinds do

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NoReturn, Protocol

from stator.model.errors import SerializationError

FAULTS_MAX = 10
_SHOWN_CHARS_MAX = 1_024  # of a collection, in an error text
_Collection = list[Any] | dict[str, Any]
CLASS_PREFIX = "com.amazonaws.dynamodb.v20120810."
NOT_A_COLLECTION_HERE = "Start of structure or map found where not expected"
BAD_FIELD = "Unexpected field type"
BAD_CAST = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class "
    "(sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of "
    "loader 'bootstrap')"
)


class Faults:
    """The constraints a request breaks, in the order found."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, value: Any, path: str, rule: str) -> None:
        """`path` as AWS writes it: `keySchema.1.member.keyType`."""
        shown = "null" if value is None else f"'{_shown(value)}'"
        self.texts.append(f"Value {shown} at '{path}' failed to satisfy constraint: {rule}")

    def message(self) -> str:
        """AWS's sentence for all of them."""
        texts = self.texts[:FAULTS_MAX]
        return f"{len(texts)} validation error{'s' * (len(texts) > 1)} detected: {'; '.join(texts)}"


class Kind(Protocol):
    """A kind of value. `java_name` is what AWS's parser calls it; `constrained` spares a pass that finds nothing."""

    java_name: str
    constrained: bool
    rules: tuple[str, ...]

    def typed(self, value: Any, *, nested: bool) -> Any:
        """The value, converted where AWS converts; never None. `nested` is true inside a list or map.

        Raises `SerializationError`.
        """
        ...

    def fits(self, value: Any) -> bool:
        """Whether `faults` would find nothing; answers without making the texts, since nearly every request fits."""
        ...

    def broken(self, value: Any) -> Iterable[str]:
        """Those of `rules` that a typed value breaks by itself, its parts not considered."""
        ...

    def faults(self, value: Any, path: str, found: Faults) -> None:
        """Report what a typed value and its parts break."""
        ...


class Leaf:
    """A value without parts."""

    constrained = False
    rules: tuple[str, ...] = ()

    def fits(self, value: Any) -> bool:
        return not any(self.broken(value))

    def broken(self, value: Any) -> Iterable[str]:  # noqa: ARG002 - the general case has no rules
        return ()

    def faults(self, value: Any, path: str, found: Faults) -> None:
        for rule in self.broken(value):
            found.add(value, path, rule)


class Text(Leaf):
    """A string. `least` and `most` count characters; `pattern` must match all of it."""

    java_name = "java.lang.String"

    def __init__(
        self, *, least: int = 0, most: int | None = None, pattern: str | None = None, values: tuple[str, ...] = ()
    ) -> None:
        self._least = least
        self._most = sys.maxsize if most is None else most
        self._pattern = re.compile(pattern) if pattern else None
        self._values = frozenset(values)
        self._pattern_rule = f"Member must satisfy regular expression pattern: {pattern}"
        self._least_rule, self._most_rule = length_rules(least, most)
        self._values_rule = f"Member must satisfy enum value set: [{', '.join(values)}]"
        rules = [self._most_rule] * (most is not None) + [self._least_rule] * (least > 0)
        rules += [self._pattern_rule] * (pattern is not None) + [self._values_rule] * bool(values)
        self.rules = tuple(rules)
        self.constrained = bool(rules)

    def typed(self, value: Any, *, nested: bool) -> Any:  # noqa: ARG002 - the same text in both places
        if isinstance(value, str):
            return value
        raise SerializationError(_misfit(value, "String", self.java_name))

    def fits(self, value: Any) -> bool:
        return (
            self._least <= len(value) <= self._most
            and (not self._values or value in self._values)
            and (self._pattern is None or self._pattern.fullmatch(value) is not None)
        )

    def broken(self, value: Any) -> Iterable[str]:
        if self._values and value not in self._values:
            yield self._values_rule
        if self._pattern and not self._pattern.fullmatch(value):
            yield self._pattern_rule
        if len(value) < self._least:
            yield self._least_rule
        if len(value) > self._most:
            yield self._most_rule


class TableReference(Text):
    """A table's name, or its ARN, which becomes the name.

    Since requests take ARNs, AWS's data plane asks only for one character; shorter names than a table can have are
    simply not found.
    """

    def __init__(self) -> None:
        super().__init__(least=1, most=255, pattern="[a-zA-Z0-9_.-]+")

    def typed(self, value: Any, *, nested: bool) -> Any:
        name: str = super().typed(value, nested=nested)
        return table_name(name)

    def fits(self, value: Any) -> bool:
        return super().fits(table_name(value))

    def broken(self, value: Any) -> Iterable[str]:
        return super().broken(table_name(value)) if value else (self._least_rule,)


def table_name(reference: str) -> str:
    """`arn:aws:dynamodb:<region>:<account>:table/<name>` → `<name>`; anything else as it is."""
    if reference.startswith("arn:"):
        parts = reference.split(":", 5)
        if len(parts) == 6 and parts[2] == "dynamodb" and parts[5].startswith("table/"):
            return parts[5].removeprefix("table/")
    return reference


class Number(Leaf):
    """A JSON number; `java_type` is Integer, Long, Double or Date (seconds). Whole ones are no larger than Java's."""

    _BITS: ClassVar = {"Integer": 32, "Long": 64}

    def __init__(self, java_type: str, *, least: int | None = None, most: int | None = None) -> None:
        self.java_name = "java.util.Date" if java_type == "Date" else f"java.lang.{java_type}"
        self._java_type = java_type
        bits = self._BITS.get(java_type)
        self._range = None if bits is None else range(-(2 ** (bits - 1)), 2 ** (bits - 1))
        self._least = least
        self._most = most
        self.constrained = least is not None or most is not None

    def typed(self, value: Any, *, nested: bool) -> Any:  # noqa: ARG002 - the same text in both places
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if self._range is None:
                return value
            if (whole := int(value)) in self._range:
                return whole
        raise SerializationError(_misfit(value, self._java_type, self.java_name))

    def broken(self, value: Any) -> Iterable[str]:
        if self._least is not None and value < self._least:
            yield f"Member must have value greater than or equal to {self._least}"
        if self._most is not None and value > self._most:
            yield f"Member must have value less than or equal to {self._most}"


class Flag(Leaf):
    """A boolean; AWS's parser also takes some words for one."""

    java_name = "java.lang.Boolean"
    _WORDS: ClassVar = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

    def typed(self, value: Any, *, nested: bool) -> Any:  # noqa: ARG002 - the same text in both places
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            try:
                return self._WORDS[value.lower()]
            except KeyError:
                raise SerializationError("Unexpected token received from parser") from None
        raise SerializationError(_misfit(value, "Boolean", self.java_name))


class Attribute(Leaf):
    """An attribute value: an object, of which nothing more is known here."""

    java_name = CLASS_PREFIX + "AttributeValue"

    def typed(self, value: Any, *, nested: bool) -> Any:
        return value if isinstance(value, dict) else no_structure(value, self.java_name, nested=nested)


class AttributeMap(Leaf):
    """An item or key: a map whose values `stator.model.attributes` reads."""

    java_name = f"java.util.Map<java.lang.String, {Attribute.java_name}>"

    def typed(self, value: Any, *, nested: bool) -> Any:
        return value if isinstance(value, dict) else no_map(value, self.java_name, nested=nested)


def length_rules(least: int, most: int | None) -> tuple[str, str]:
    """The two sentences about a length."""
    return (
        f"Member must have length greater than or equal to {least}",
        f"Member must have length less than or equal to {most}",
    )


def no_map(value: Any, java_name: str, *, nested: bool) -> NoReturn:
    """Refuse what is no map."""
    if isinstance(value, list):
        raise SerializationError(f"Unrecognized collection type {java_name}")
    raise SerializationError(BAD_CAST if nested else BAD_FIELD)


def no_structure(value: Any, java_name: str, *, nested: bool) -> NoReturn:
    """Refuse what is no structure."""
    if isinstance(value, list):
        raise SerializationError(f"Unrecognized collection type class {java_name}")
    raise SerializationError("Unexpected value type in payload" if nested else BAD_FIELD)


def _misfit(value: Any, short_name: str, java_name: str) -> str:
    if isinstance(value, list):
        return f"Unrecognized collection type class {java_name}"
    if isinstance(value, dict):
        return NOT_A_COLLECTION_HERE
    if isinstance(value, bool):
        read = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, str):
        read = "STRING_VALUE"
    else:
        read = "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"
    return f"{read} cannot be converted to {short_name}"


def _shown(value: Any) -> str:
    """A value the way Java prints it; long collections are cut, since AWS echoes them whole only by accident."""
    if not isinstance(value, list | dict):
        return str(value)
    shown, chars = [], 0
    for piece in _printed(value):
        shown.append(piece)
        chars += len(piece)
        if chars > _SHOWN_CHARS_MAX:
            return f"{''.join(shown)[:_SHOWN_CHARS_MAX]}...{']' if isinstance(value, list) else '}'}"
    return "".join(shown)


def _printed(value: _Collection) -> Iterator[str]:
    """A collection's text, piece by piece and without recursion: a client decides how long and how deep it is."""
    unfinished = [_parts(value)]
    while unfinished:
        part = next(unfinished[-1], None)
        if part is None:
            unfinished.pop()
        elif isinstance(part, str):
            yield part
        else:
            unfinished.append(_parts(part))


def _parts(value: _Collection) -> Iterator[str | _Collection]:
    """One collection's text, with the collections in it as they are."""
    opening, closing = "[]" if isinstance(value, list) else "{}"
    named = ((f"{name}=", value[name]) for name in value) if isinstance(value, dict) else (("", part) for part in value)
    yield opening
    separator = ""
    for name, part in named:
        yield separator + name
        yield part if isinstance(part, list | dict) else str(part)
        separator = ", "
    yield closing
