"""The part of an item that a projection shows.

Keys get no special treatment: what is not named is not shown. Elements picked out of a list close up, in list order.
Source: AWS developer guide, "Projection expressions".
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from stator.expressions.ast import Projection
from stator.expressions.conditions import PARSED_MAX
from stator.expressions.cursor import Cursor
from stator.expressions.paths import PathTree, ResolvedPath, child, resolve, tree_of
from stator.model.attributes import AttributeValue
from stator.model.item import Item


@lru_cache(maxsize=PARSED_MAX)
def parse_projection(text: str, parameter: str = "ProjectionExpression") -> Projection:
    """Parse a projection expression. Raises ValidationError with AWS's text, naming `parameter`."""
    cursor = Cursor(text, parameter)
    paths = cursor.separated(cursor.path)
    return Projection(parameter, paths, cursor.finish())


def project(projection: Projection, item: Item, names: Mapping[str, str]) -> Item:
    """What the projection shows of the item; its placeholders have been checked."""
    return pick(item, (resolve(path, names) for path in projection.paths))


def pick(item: Item, paths: Iterable[ResolvedPath]) -> Item:
    """Only what lies at these paths, in the containers it lies in; paths to nothing leave nothing behind."""
    return _picked_members(item, tree_of((path, None) for path in paths))


def _picked_members(members: Item, tree: PathTree) -> Item:
    picked = ((name, _picked(members.get(str(name)), subtree)) for name, subtree in tree.items())
    return {str(name): value for name, value in picked if value is not None}


def _picked(value: AttributeValue | None, tree: PathTree | None) -> AttributeValue | None:
    if value is None or tree is None:
        return value
    if isinstance(next(iter(tree)), str):
        members = _picked_members(value.get("M", {}), tree)
        return {"M": members} if members else None
    picked = (_picked(child(value, index), tree[index]) for index in sorted(tree))
    elements = [element for element in picked if element is not None]
    return {"L": elements} if elements else None
