"""What is answered before any operation is looked at: health, CORS, and requests that are no DynamoDB calls.

Source: AWS's answers as recorded in dynalite's test/connection.js.
"""

from collections.abc import Mapping

from .error_bodies import error_body
from .http_messages import Response

_JSON_TYPES = frozenset({"application/x-amz-json-1.0", "application/json"})
_NOT_FOUND = Response(404, b"<UnknownOperationException/>\n", content_type="text/plain")
_UNKNOWN_OPERATION = Response(400, error_body("UnknownOperationException", ""))
_PREFLIGHT_AGE_S = 172_800  # what AWS sends


def plain_answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response | None:
    """The answer to a request that no handler need see, or None for a call of an operation."""
    at_root = path == "/" or path.startswith("/?")
    if method == "POST" and at_root:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media_type not in _JSON_TYPES:
            return _NOT_FOUND
        return None if "x-amz-target" in headers else _UNKNOWN_OPERATION
    if method == "GET" and at_root:
        # AWS names the endpoint that was asked, `dynamodb.us-east-1.amazonaws.com`, and ends in a space.
        host = headers.get("host", "localhost")
        return Response(200, f"healthy: {host} ".encode("latin-1"), content_type="text/plain")
    if method == "OPTIONS" and "origin" in headers:
        return _preflight(headers)
    if method == "HEAD":
        return Response(404, content_type="text/plain")
    return _NOT_FOUND


def _preflight(headers: Mapping[str, str]) -> Response:
    answer = [("Access-Control-Max-Age", str(_PREFLIGHT_AGE_S))]
    for asked, allowed in (
        ("access-control-request-headers", "Access-Control-Allow-Headers"),
        ("access-control-request-method", "Access-Control-Allow-Methods"),
    ):
        if asked in headers:
            answer.append((allowed, headers[asked]))
    return Response(200, b"", tuple(answer))
