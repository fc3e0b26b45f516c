"""From a request body to checked parameters: JSON, member types, constraints, with AWS's texts for what is wrong.

What a single value cannot show by itself (which parameters exclude each other, what a key may be) is the
operations' business; what attribute values hold is `stator.model.attributes`'.
"""

from typing import Any

import msgspec

from stator.model.errors import SerializationError, UnknownOperationError, ValidationError

from .request_values import Faults
from .shapes import OPERATIONS

_decode = msgspec.json.Decoder().decode
_DATA_PLANE = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"})
_NAMES_A_TABLE = frozenset(
    operation for operation, shape in OPERATIONS.items() if shape.requires("TableName") and operation not in _DATA_PLANE
)
_BATCHES = frozenset({"BatchGetItem", "BatchWriteItem"})
_TABLE_NAME_CHARS = (3, 255)  # AWS developer guide, "Naming rules and data types"


def validate(operation: str, body: bytes) -> dict[str, Any]:
    """The parameters of a call: known members only, no nulls, table ARNs reduced to names.

    Raises `UnknownOperationError`, `SerializationError` (not JSON, or a member of the wrong JSON type) or
    `ValidationError` (constraints).
    """
    shape = OPERATIONS.get(operation)
    if shape is None:
        raise UnknownOperationError
    try:
        decoded = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SerializationError from None
    if not isinstance(decoded, dict):
        raise SerializationError
    parameters: dict[str, Any] = shape.typed(decoded, nested=False)
    if operation not in _DATA_PLANE:
        _check_by_name(operation, parameters)
    if not shape.fits(parameters):
        faults = Faults()
        shape.faults(parameters, "", faults)
        raise ValidationError(faults.message())
    return parameters


def _check_by_name(operation: str, parameters: dict[str, Any]) -> None:
    """Checks that AWS makes ahead of the others, in sentences of their own."""
    if operation in _BATCHES and parameters.get("RequestItems") == {}:
        raise ValidationError(f"The requestItems parameter is required for {operation}")
    if operation not in _NAMES_A_TABLE:
        return
    name = parameters.get("TableName")
    if name is None:
        raise ValidationError("The parameter 'TableName' is required but was not present in the request")
    least, most = _TABLE_NAME_CHARS
    if not least <= len(name) <= most:
        raise ValidationError(f"TableName must be at least {least} characters long and at most {most} characters long")
