"""What a query of a secondary index may mention: only what the index carries, since nothing is fetched from the table."""

from collections.abc import Iterable

from stator.model.errors import ValidationError
from stator.model.tables import Index, KeySchema

_INVALID = "One or more parameter values were invalid: "


def check_carried(index: Index, base: KeySchema, shown: Iterable[str], filtered: Iterable[str]) -> None:
    """The attributes that a projection shows and a filter looks at are in the index; `base` is the table's key.

    Raises ValidationError in AWS's words, each naming all that are missing.
    """
    if index.projection.type == "ALL":
        return
    carried = {*base.names, *index.key.names, *index.projection.include}
    if missing := _missing(shown, carried):
        raise ValidationError(f"{_INVALID}Global secondary index {index.name} does not project {missing}")
    if missing := _missing(filtered, carried):
        raise ValidationError(
            f"{_INVALID}Secondary index {index.name} does not project one or more filter attributes: {missing}"
        )


def _missing(names: Iterable[str], carried: set[str]) -> str:
    missing = dict.fromkeys(name for name in names if name not in carried)
    return f"[{', '.join(missing)}]" if missing else ""
