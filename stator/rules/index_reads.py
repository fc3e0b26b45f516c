"""What a query of a secondary index may mention: of a global one only what it carries, since nothing is fetched from the table.

Behind a local index lie the items themselves, so it can show everything; AWS filters by what it carries all the same.
"""

from collections.abc import Iterable

from stator.model.errors import ValidationError
from stator.model.tables import Index, KeySchema, SecondaryIndex

_INVALID = "One or more parameter values were invalid: "


def check_carried(index: SecondaryIndex, base: KeySchema, shown: Iterable[str], filtered: Iterable[str]) -> None:
    """The attributes that a projection shows and a filter looks at are in the index; `base` is the table's key.

    Raises ValidationError in AWS's words, each naming all that are missing.
    """
    carried = index.projection.carried(base, index.key)
    if carried is None:
        return
    if isinstance(index, Index) and (missing := _missing(shown, carried)):
        raise ValidationError(f"{_INVALID}Global secondary index {index.name} does not project {missing}")
    if missing := _missing(filtered, carried):
        raise ValidationError(
            f"{_INVALID}Secondary index {index.name} does not project one or more filter attributes: {missing}"
        )


def _missing(names: Iterable[str], carried: frozenset[str]) -> str:
    missing = dict.fromkeys(name for name in names if name not in carried)
    return f"[{', '.join(missing)}]" if missing else ""
