"""The kinds of request value that have parts: lists, maps, structures.

How a part is named in an error text is decided here: list elements count from 1, and elements of lists and maps add
`.member`. A part without parts of its own is reported on the collection that holds it.
"""
# ruff: noqa: D102 - `Kind` says once what the methods of all kinds do

import sys
from collections.abc import Iterable
from typing import Any

from stator.model.errors import SerializationError

from .request_values import (
    BAD_CAST,
    BAD_FIELD,
    CLASS_PREFIX,
    NOT_A_COLLECTION_HERE,
    Faults,
    Kind,
    Leaf,
    Text,
    length_rules,
    no_map,
    no_structure,
)


class Sequence:
    """A list of one kind."""

    def __init__(self, element: Kind, *, least: int = 0, most: int | None = None) -> None:
        self.java_name = f"java.util.List<{element.java_name}>"
        self._element = element
        self._least = least
        self._most = sys.maxsize if most is None else most
        self._least_rule, self._most_rule = length_rules(least, most)
        self.rules = (self._most_rule,) * (most is not None) + (self._least_rule,) * (least > 0)
        self.constrained = bool(self.rules) or element.constrained

    def typed(self, value: Any, *, nested: bool) -> Any:
        if not isinstance(value, list):
            if isinstance(value, dict):
                raise SerializationError(NOT_A_COLLECTION_HERE)
            raise SerializationError(BAD_CAST if nested else BAD_FIELD)
        typed = self._element.typed
        return [typed(part, nested=True) for part in value if part is not None]

    def fits(self, value: Any) -> bool:
        if not self._least <= len(value) <= self._most:
            return False
        return not self._element.constrained or all(map(self._element.fits, value))

    def broken(self, value: Any) -> Iterable[str]:
        if len(value) < self._least:
            yield self._least_rule
        if len(value) > self._most:
            yield self._most_rule

    def faults(self, value: Any, path: str, found: Faults) -> None:
        for rule in self.broken(value):
            found.add(value, path, rule)
        self.part_faults(value, path, found)

    def part_faults(self, value: Any, path: str, found: Faults) -> None:
        """What the elements break, apart from the list's own length."""
        element = self._element
        if not element.constrained:
            return
        if element.rules and any(any(element.broken(part)) for part in value):
            found.add(value, path, f"Member must satisfy constraint: [{', '.join(element.rules)}]")
        if not isinstance(element, Leaf):
            for index, part in enumerate(value, 1):
                element.faults(part, f"{path}.{index}.member", found)


class Mapping:
    """A map from strings to one kind. Its keys stay as they are: the answer names things as the client did."""

    rules: tuple[str, ...] = ()

    def __init__(self, key: Text, value: Kind, *, least: int = 0, most: int | None = None) -> None:
        self.java_name = f"java.util.Map<java.lang.String, {value.java_name}>"
        self._key = key
        self._value = value
        self._least = least
        self._most = sys.maxsize if most is None else most
        self._least_rule, self._most_rule = length_rules(least, most)
        self.constrained = least > 0 or most is not None or key.constrained or value.constrained

    def typed(self, value: Any, *, nested: bool) -> Any:
        if not isinstance(value, dict):
            return no_map(value, self.java_name, nested=nested)
        typed = self._value.typed
        return {name: typed(part, nested=True) for name, part in value.items() if part is not None}

    def fits(self, value: Any) -> bool:
        if not self._least <= len(value) <= self._most:
            return False
        if self._key.constrained and not all(map(self._key.fits, value)):
            return False
        return not self._value.constrained or all(map(self._value.fits, value.values()))

    def broken(self, value: Any) -> Iterable[str]:
        if len(value) < self._least:
            yield self._least_rule
        if len(value) > self._most:
            yield self._most_rule

    def faults(self, value: Any, path: str, found: Faults) -> None:
        for rule in self.broken(value):
            found.add(value, path, rule)
        if self._key.constrained and not all(map(self._key.fits, value)):
            found.add(value, path, f"Map keys must satisfy constraint: [{', '.join(self._key.rules)}]")
        kind = self._value
        if not kind.constrained:
            return
        if kind.rules and any(any(kind.broken(part)) for part in value.values()):
            found.add(value, path, f"Map value must satisfy constraint: [{', '.join(kind.rules)}]")
        for name, part in value.items():
            if isinstance(kind, Sequence):
                kind.part_faults(part, f"{path}.{name}.member", found)
            elif not isinstance(kind, Leaf):
                kind.faults(part, f"{path}.{name}.member", found)


class Structure:
    """Named members. What is not a member is dropped, as is null."""

    rules: tuple[str, ...] = ()

    def __init__(self, name: str, members: dict[str, Kind], *, required: tuple[str, ...] = ()) -> None:
        self.java_name = CLASS_PREFIX + name
        self._required = frozenset(required)
        self._typed = {member: kind.typed for member, kind in members.items()}
        self._checked = [
            (member, member[0].lower() + member[1:], kind, member in required)
            for member, kind in members.items()
            if kind.constrained or member in required
        ]
        self._fitting = [
            (member, kind.fits if kind.constrained else None, member in required)
            for member, _, kind, _ in self._checked
        ]
        self.constrained = bool(self._checked)

    def requires(self, member: str) -> bool:
        """Whether a value without this member is a fault."""
        return member in self._required

    def typed(self, value: Any, *, nested: bool) -> Any:
        if not isinstance(value, dict):
            return no_structure(value, self.java_name, nested=nested)
        known = self._typed
        return {
            name: known[name](part, nested=False) for name, part in value.items() if part is not None and name in known
        }

    def fits(self, value: Any) -> bool:
        for name, fits, required in self._fitting:
            part = value.get(name)
            if part is None:
                if required:
                    return False
            elif fits is not None and not fits(part):
                return False
        return True

    def broken(self, value: Any) -> Iterable[str]:  # noqa: ARG002 - a structure has no rules of its own
        return ()

    def faults(self, value: Any, path: str, found: Faults) -> None:
        for name, shown, kind, required in self._checked:
            part = value.get(name)
            if part is not None:
                kind.faults(part, f"{path}.{shown}" if path else shown, found)
            elif required:
                found.add(None, f"{path}.{shown}" if path else shown, "Member must not be null")
