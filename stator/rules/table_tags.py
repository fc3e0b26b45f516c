"""Tags of a table: which are allowed, and what tagging and untagging leave. All or nothing: one bad tag refuses the request.

Source: AWS developer guide, "Tagging restrictions in DynamoDB"; texts as AWS answers.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from stator.model.errors import ValidationError
from stator.model.tables import Table

TAGS_MAX = 50
KEY_CHARS_MAX = 128
VALUE_CHARS_MAX = 256

_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*")
"""Letters, digits and spaces of any script, and a few signs."""
_TOO_MANY = "Number of Tags exceed the current limit for the provided ResourceArn"


def tags_of(given: Iterable[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The tags of a request. Raises ValidationError."""
    tags: dict[str, str] = {}
    for tag in given:
        key, value = tag.get("Key"), tag.get("Value")
        _check_key(key)
        if value is None or len(value) > VALUE_CHARS_MAX or not _ALLOWED.fullmatch(value):
            raise ValidationError(f"The Tag Value provided is invalid, Value: {_shown(value)}")
        if key in tags:
            raise ValidationError(f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}")
        tags[str(key)] = value
    if len(tags) > TAGS_MAX:
        raise ValidationError(_TOO_MANY)
    return tuple(tags.items())


def tagged(table: Table, given: Sequence[dict[str, Any]]) -> Table:
    """The table with tags added, or given new values. Raises ValidationError."""
    if not given:
        raise ValidationError("Atleast one Tag needs to be provided as Input.")
    tags = dict(table.tags) | dict(tags_of(given))
    if len(tags) > TAGS_MAX:
        raise ValidationError(_TOO_MANY)
    return table.evolve(tags=tuple(tags.items()))


def untagged(table: Table, keys: Sequence[str]) -> Table:
    """The table without these tags, whether it had them or not. Raises ValidationError."""
    if not keys:
        raise ValidationError("Atleast one Tag Key needs to be provided as Input.")
    for key in keys:
        _check_key(key)
    if len(keys) > TAGS_MAX:
        raise ValidationError(_TOO_MANY)
    return table.evolve(tags=tuple((key, value) for key, value in table.tags if key not in keys))


def _check_key(key: str | None) -> None:
    if not key or len(key) > KEY_CHARS_MAX or not _ALLOWED.fullmatch(key):
        raise ValidationError(f"The Tag Key provided is invalid, Key: {_shown(key)}")
    if key.lower().startswith("aws:"):
        raise ValidationError(f"Tag Key cannot be prefixed with aws:, Key: {key}")


def _shown(text: str | None) -> str:
    return "null" if text is None else text
