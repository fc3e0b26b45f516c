"""Attribute values: DynamoDB's one-member wire dicts, checked and normalised once at the door.

Nothing behind the door looks at a value's shape again: numbers are canonical, sets have no duplicates, binaries are
base64 with clean padding. Two normalised values without sets are therefore equal exactly when their dicts are.

Sources: AWS API reference, "AttributeValue"; AWS developer guide, "Item sizes and formats". Texts are AWS's, typos
included.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from stator.model import numbers
from stator.model.errors import SerializationError, ValidationError
from stator.model.item import Item

AttributeValue = dict[str, Any]
"""Type name to content: `{"S": "text"}`, `{"N": "1.5"}`, `{"B": "<base64>"}`, `{"L": [...]}` ..."""

NESTING_LEVELS_MAX = 32
NAME_BYTES_MAX = 65_535
SETS = frozenset({"SS", "NS", "BS"})
ORDERED = frozenset({"S", "N", "B"})
"""Types whose values `<` and its kin accept."""

_CONTAINER_BYTES = 3
_INVALID = "One or more parameter values were invalid: "
_NESTED_TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
_WIRE_VALUE = "com.amazonaws.dynamodb.v20120810.AttributeValue"


def normalise_item(item: Mapping[str, Any]) -> Item:
    """A client's item (or key, or part of one), checked and in canonical form; the input is left as it is.

    Raises SerializationError for wrong JSON types and ValidationError for everything else.
    """
    return {checked_name(name): normalise(value) for name, value in item.items()}


def normalise(value: Any, level: int = 1) -> AttributeValue:
    """A client's attribute value in canonical form. `level` counts nesting from 1, the attribute of an item."""
    if level > NESTING_LEVELS_MAX:
        raise ValidationError(_NESTED_TOO_DEEP)
    if not isinstance(value, dict):
        raise SerializationError(
            f"Unrecognized collection type class {_WIRE_VALUE}"
            if isinstance(value, list)
            else "Unexpected value type in payload"
        )
    if len(value) == 1:  # the usual case, without a comprehension's cost: writes are made of little else
        ((kind, content),) = value.items()
        normaliser = _NORMALISERS.get(kind)
        if normaliser is not None and content is not None:
            return {kind: normaliser(content, level)}
    result = {
        kind: _NORMALISERS[kind](content, level)
        for kind, content in value.items()
        if content is not None and kind in _NORMALISERS
    }
    if len(result) != 1:
        raise ValidationError(
            f"Supplied AttributeValue {'has more than one datatypes set' if result else 'is empty'}, "
            "must contain exactly one of the supported datatypes"
        )
    return result


def kind_of(value: AttributeValue) -> str:
    """The type name of a value: `S`, `N`, `B`, `SS`, `NS`, `BS`, `M`, `L`, `BOOL` or `NULL`."""
    return next(iter(value))


def equal(left: AttributeValue, right: AttributeValue) -> bool:
    """Whether two normalised values are the same, sets regardless of order."""
    if left == right:
        return True
    kind, content = next(iter(left.items()))
    other = right.get(kind)
    if other is None or kind not in _COLLECTIONS or len(content) != len(other):
        return False
    if kind in SETS:
        return set(content) == set(other)
    if kind == "L":
        return all(map(equal, content, other))
    return all(name in other and equal(member, other[name]) for name, member in content.items())


def rank(value: AttributeValue) -> str | bytes | int | Decimal:
    """What to order an S, N or B by; only ranks of one type compare.

    Strings order by code point, which is the order of their UTF-8 bytes.
    """
    kind, content = next(iter(value.items()))
    if kind == "N":
        return numbers.magnitude(content)
    return b64decode(content) if kind == "B" else str(content)


def item_size(item: Mapping[str, AttributeValue]) -> int:
    """Bytes of an item as DynamoDB counts them, for the 400 KB limit and for capacity: names and values."""
    size = 0
    for name, value in item.items():
        size += len(name) if name.isascii() else _utf8_size(name)
        size += size_of(value)
    return size


def size_of(value: AttributeValue) -> int:
    """Bytes of one normalised value. Every item of a query is measured: this is most of what that costs."""
    ((kind, content),) = value.items()
    if kind == "S" and content.isascii():
        return len(content)
    return _SIZES[kind](content)


def nesting_of(value: AttributeValue) -> int:
    """Levels of a value: 1 for a scalar or a set, one more for each list or map around it."""
    kind, content = next(iter(value.items()))
    if kind == "L":
        return 1 + max(map(nesting_of, content), default=0)
    if kind == "M":
        return 1 + max(map(nesting_of, content.values()), default=0)
    return 1


def check_nesting(levels: int) -> None:
    """ValidationError when an attribute of that many levels may not be stored."""
    if levels > NESTING_LEVELS_MAX:
        raise ValidationError(_NESTED_TOO_DEEP)


# --- what clients send ---------------------------------------------------------------------------------------


def checked_name(name: str) -> str:
    """The name of an attribute, if it may have one of that length."""
    if not name:
        raise ValidationError("Empty attribute name")
    if len(name) > NAME_BYTES_MAX // 4 and _utf8_size(name) > NAME_BYTES_MAX:
        raise ValidationError("Attribute name is too large, must be less than 65536 bytes")
    return name


def _string(content: Any, _level: int) -> str:
    if isinstance(content, str):
        return content
    raise SerializationError(_wrong_scalar(content, "String"))


def _number(content: Any, level: int) -> str:
    return numbers.canonical(_string(content, level))


def _boolean(content: Any, _level: int) -> bool:
    if isinstance(content, bool):
        return content
    if isinstance(content, str):
        # AWS's parser reads these words as booleans too.
        word = content.upper()
        if word in {"TRUE", "1", "YES"}:
            return True
        if word in {"FALSE", "0", "NO"}:
            return False
        raise SerializationError("Unexpected token received from parser")
    raise SerializationError(_wrong_scalar(content, "Boolean"))


def _null(content: Any, level: int) -> bool:
    if not _boolean(content, level):
        raise ValidationError(f"{_INVALID}Null attribute value types must have the value of true")
    return True


def _binary(content: Any, _level: int) -> str:
    if isinstance(content, list):
        raise SerializationError("Unrecognized collection type class java.nio.ByteBuffer")
    if isinstance(content, dict):
        raise SerializationError("Start of structure or map found where not expected")
    if not isinstance(content, str):
        raise SerializationError("only base-64-encoded strings are convertible to bytes")
    if len(content) % 4:
        raise SerializationError(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(content)}")
    try:
        plain = b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SerializationError("Invalid Base64 character detected") from error
    if b64encode(plain).decode("ascii") != content:
        raise SerializationError("Invalid last non-pad Base64 character dectected")
    return content


def _string_set(content: Any, level: int) -> list[str]:
    members = _members(content, _string, level, "An string set may not have a null string as a member")
    if not members:
        raise ValidationError(f"{_INVALID}An string set  may not be empty")
    if len(set(members)) != len(members):
        raise ValidationError(f"{_INVALID}Input collection [{', '.join(members)}] contains duplicates.")
    return members


def _number_set(content: Any, level: int) -> list[str]:
    members = _members(content, _number, level, "An number set may not have a null string as a member")
    if not members:
        raise ValidationError(f"{_INVALID}An number set  may not be empty")
    if len(set(members)) != len(members):
        raise ValidationError("Input collection contains duplicates")
    return members


def _binary_set(content: Any, level: int) -> list[str]:
    members = _members(content, _binary, level, "Binary sets may not contain null values")
    if not members:
        raise ValidationError(f"{_INVALID}Binary sets should not be empty")
    if len(set(members)) != len(members):
        raise ValidationError(f"{_INVALID}Input collection [{', '.join(members)}]of type BS contains duplicates.")
    return members


def _members(content: Any, member: Callable[[Any, int], str], level: int, null_member: str) -> list[str]:
    elements = _array(content)
    if None in elements:
        raise ValidationError(f"{_INVALID}{null_member}")
    return [member(element, level) for element in elements]


def _list(content: Any, level: int) -> list[AttributeValue]:
    return [normalise({} if element is None else element, level + 1) for element in _array(content)]


def _map(content: Any, level: int) -> Item:
    if isinstance(content, list):
        raise SerializationError(f"Unrecognized collection type java.util.Map<java.lang.String, {_WIRE_VALUE}>")
    if not isinstance(content, dict):
        raise SerializationError("Unexpected field type")
    return {
        checked_name(name): normalise({} if member is None else member, level + 1) for name, member in content.items()
    }


def _array(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    raise SerializationError(
        "Start of structure or map found where not expected" if isinstance(content, dict) else "Unexpected field type"
    )


def _wrong_scalar(content: Any, wanted: str) -> str:
    if isinstance(content, bool):
        return f"{'TRUE' if content else 'FALSE'}_VALUE cannot be converted to {wanted}"
    if isinstance(content, int):
        return f"NUMBER_VALUE cannot be converted to {wanted}"
    if isinstance(content, float):
        return f"DECIMAL_VALUE cannot be converted to {wanted}"
    if isinstance(content, list):
        return f"Unrecognized collection type class java.lang.{wanted}"
    return "Start of structure or map found where not expected"


_NORMALISERS: dict[str, Callable[[Any, int], Any]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
    "M": _map,
    "L": _list,
    "BOOL": _boolean,
    "NULL": _null,
}
_COLLECTIONS = frozenset({"SS", "NS", "BS", "M", "L"})


# --- sizes ---------------------------------------------------------------------------------------------------


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _binary_size(content: str) -> int:
    return len(content) // 4 * 3 - content.count("=", -2)


def _set_size(member_size: Callable[[str], int]) -> Callable[[Iterable[str]], int]:
    return lambda members: sum(map(member_size, members))


def _list_size(content: list[AttributeValue]) -> int:
    return _CONTAINER_BYTES + len(content) + sum(map(size_of, content))


def _map_size(content: Item) -> int:
    return _CONTAINER_BYTES + len(content) + item_size(content)


def _flag_size(_content: bool) -> int:
    return 1


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": _utf8_size,
    "N": numbers.size_bytes,
    "B": _binary_size,
    "SS": _set_size(_utf8_size),
    "NS": _set_size(numbers.size_bytes),
    "BS": _set_size(_binary_size),
    "M": _map_size,
    "L": _list_size,
    "BOOL": _flag_size,
    "NULL": _flag_size,
}
