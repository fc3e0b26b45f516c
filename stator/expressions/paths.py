"""Document paths against items, and sets of paths as trees.

A resolved path has no placeholders. A tree of resolved paths (step to subtree, or to a leaf) lets an update or a
projection walk each list and map of an item once, however many paths go through it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stator.expressions.ast import Path, Step
from stator.model.attributes import AttributeValue

ResolvedPath = tuple[Step, ...]
PathTree = dict[Step, Any]
"""Step to subtree (a dict), or to a leaf: whatever the caller put there, but no dict."""


def resolve(path: Path, names: Mapping[str, str]) -> ResolvedPath:
    """The path with its `#placeholders` replaced; all must be defined."""
    if not path.aliased:
        return path.steps
    return tuple(names[step] if isinstance(step, str) and step[0] == "#" else step for step in path.steps)


def read(item: Mapping[str, AttributeValue], path: ResolvedPath) -> AttributeValue | None:
    """The value at a path; None when nothing is there."""
    value: AttributeValue | None = {"M": item}
    for step in path:
        if value is None:
            return None
        value = child(value, step)
    return value


def child(value: AttributeValue, step: Step) -> AttributeValue | None:
    """The value one step below; None when there is none, or `value` is no container of that kind."""
    if isinstance(step, str):
        members = value.get("M")
        return None if members is None else members.get(step)
    elements = value.get("L")
    return elements[step] if elements is not None and step < len(elements) else None


def describe(path: ResolvedPath) -> str:
    """A path as AWS's errors show it: `[a, b, [0]]`."""
    return "[" + ", ".join(step if isinstance(step, str) else f"[{step}]" for step in path) + "]"


def tree_of(leaves: Iterable[tuple[ResolvedPath, Any]]) -> PathTree:
    """Paths with their leaves as a tree. The paths must have passed `conflict`; no leaf may be a dict."""
    root: PathTree = {}
    for path, leaf in leaves:
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = leaf
    return root


def conflict(paths: Iterable[ResolvedPath]) -> str | None:
    """Why these paths cannot be used together, in AWS's words; None if they can.

    They overlap when one leads through (or to) the end of another, and conflict when one takes for a list what the
    other takes for a map.
    """
    ends: dict[ResolvedPath, ResolvedPath] = {}
    ways: dict[ResolvedPath, ResolvedPath] = {}
    clash: str | None = None
    for path in paths:
        other = ways.get(path) or next((ends[path[:n]] for n in range(1, len(path) + 1) if path[:n] in ends), None)
        if other is not None:
            return _complaint("overlap", other, path)
        ends[path] = path
        for length in range(1, len(path)):
            other = ways.setdefault(path[:length], path)
            if clash is None and type(other[length]) is not type(path[length]):
                clash = _complaint("conflict", other, path)
    return clash


def _complaint(verb: str, first: ResolvedPath, second: ResolvedPath) -> str:
    return (
        f"Two document paths {verb} with each other; must remove or rewrite one of these paths; "
        f"path one: {describe(first)}, path two: {describe(second)}"
    )
