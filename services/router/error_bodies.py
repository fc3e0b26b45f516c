"""Errors as DynamoDB words them on the wire: status, `__type`, message.

SDKs choose the exception class from the part of `__type` after `#` and decide from the status whether to retry;
the namespace and the spelling of `Message` differ by who speaks inside AWS, and are kept.
Source: bodies recorded from AWS in dynalite's and dynoxide's tests.
"""

from typing import Any

import msgspec
import structlog

from stator.model.errors import DomainError

from .http_messages import Response

_log = structlog.get_logger()

_DYNAMODB = "com.amazonaws.dynamodb.v20120810"
_NAMESPACES = {
    "ValidationException": "com.amazon.coral.validate",
    "ThrottlingException": "com.amazon.coral.availability",
    "AccessDeniedException": "com.amazon.coral.service",
    "IncompleteSignatureException": "com.amazon.coral.service",
    "InvalidSignatureException": "com.amazon.coral.service",
    "MissingAuthenticationTokenException": "com.amazon.coral.service",
    "RequestEntityTooLargeException": "com.amazon.coral.service",
    "SerializationException": "com.amazon.coral.service",
    "UnknownOperationException": "com.amazon.coral.service",
    "UnrecognizedClientException": "com.amazon.coral.service",
}
_CAPITAL_MESSAGE = frozenset({"SerializationException", "TransactionCanceledException"})


def qualified_type(aws_type: str) -> str:
    """`ValidationException` → `com.amazon.coral.validate#ValidationException`."""
    return f"{_NAMESPACES.get(aws_type, _DYNAMODB)}#{aws_type}"


def error_body(aws_type: str, message: str, extra: dict[str, Any] | None = None) -> bytes:
    """The JSON body of an error; an empty message is left out, as AWS does.

    Bytes inside `extra` are taken for JSON that is already encoded (item images).
    """
    fields: dict[str, Any] = {"__type": qualified_type(aws_type)}
    if message:
        fields["Message" if aws_type in _CAPITAL_MESSAGE else "message"] = message
    if extra:
        fields.update((name, _spliced(value)) for name, value in extra.items())
    return msgspec.json.encode(fields)


def error_response(error: BaseException) -> Response:
    """The answer to a request that ended with this error.

    Anything but a `DomainError` is our own bug: logged here, and told to the client as a 500 without details.
    """
    if isinstance(error, DomainError):
        body = error_body(error.aws_type, error.message, error.extra_fields())
        return Response(error.http_status, body, error=error.aws_type)
    _log.error("request_failed", exc_info=error)
    return Response(500, error_body("InternalServerError", "Internal server error"), error="InternalServerError")


def _spliced(value: Any) -> Any:
    if isinstance(value, bytes):
        return msgspec.Raw(value)
    if isinstance(value, dict):
        return {name: _spliced(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_spliced(part) for part in value]
    return value
