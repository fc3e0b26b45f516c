"""What Query and Scan have in common: which index is read, what of it is shown, and the answer that a page becomes."""

from typing import Any

from stator.model.errors import ValidationError
from stator.model.item import Item, decode_image, encode_image
from stator.model.tables import Index, KeySchema, Table
from stator.rules.capacity import read_units
from stator.rules.commands import Page

from .http_messages import Response, Usage
from .response_bodies import array, consumed_read, spliced


def index_of(table: Table, name: str | None, *, strong: bool) -> Index | None:
    """The index that a request names, or None for the table itself. Raises ValidationError."""
    if name is None:
        return None
    index = table.index(name)
    if index is None:
        raise ValidationError(f"The table does not have the specified index: {name}")
    if strong:
        raise ValidationError("Consistent reads are not supported on global secondary indexes")
    return index


def only_counts(request: dict[str, Any], index: Index | None, *, projected: bool) -> bool:
    """Whether Select asks for nothing but counts. Raises ValidationError when it does not go with the rest of the request."""
    select = request.get("Select")
    if projected and select not in {None, "SPECIFIC_ATTRIBUTES"}:
        member = "ProjectionExpression" if "ProjectionExpression" in request else "AttributesToGet"
        raise ValidationError(f"Cannot specify the {member} when choosing to get {_wanted(select)}")
    if select == "SPECIFIC_ATTRIBUTES" and not projected:
        raise ValidationError(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise ValidationError("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if select == "ALL_ATTRIBUTES" and index is not None and index.projection.type != "ALL":
        raise ValidationError(
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary"
            f" index {index.name} because its projection type is not ALL"
        )
    return select == "COUNT"


def _wanted(select: str) -> str:
    return "only the Count" if select == "COUNT" else select


def page_answer(
    request: dict[str, Any], table: Table, index: Index | None, page: Page, *, count_only: bool, strong: bool
) -> Response:
    """The answer with a page of the table, or of an index of it."""
    last = None if page.last is None else encode_image(_place(decode_image(page.last), table.key, index))
    name = "" if index is None else index.name
    units = read_units(page.bytes_read, strong=strong)
    consumed = consumed_read(
        request.get("ReturnConsumedCapacity"), table.name, name or None, page.bytes_read, strong=strong
    )
    return spliced(
        ("Items", None if count_only else array(page.images)),
        ("Count", b"%d" % page.count),
        ("ScannedCount", b"%d" % page.scanned),
        ("LastEvaluatedKey", last),
        ("ConsumedCapacity", consumed),
        usage=(Usage(table.name, name, units, items=page.count),),
    )


def _place(item: Item, key: KeySchema, index: Index | None) -> Item:
    names = dict.fromkeys((*key.names, *(() if index is None else index.key.names)))
    return {name: item[name] for name in names}
