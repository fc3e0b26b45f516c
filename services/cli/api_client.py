"""A few calls of the DynamoDB API, for our own commands: plain HTTP, no SDK, no credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

STREAM_OPERATIONS = frozenset({"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"})
"""The operations of the other API at the same endpoint."""


class ApiError(Exception):
    """The server refused, or could not be reached; the message is for the person at the terminal."""


class UnreachableError(ApiError):
    """No answer: nobody there, or gone on the way."""


class RefusedError(ApiError):
    """The server's own words. `kind` is AWS's name of the error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}".rstrip(": "))
        self.kind = kind


def failure_text(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def endpoint_url(endpoint: str) -> SplitResult:
    """An endpoint's parts, `hostname` among them. Raises ApiError for what is no address."""
    try:
        url = urlsplit(endpoint)
        (url.hostname or "").encode("idna")  # as the resolver will
        if url.scheme in {"http", "https"} and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise ApiError(f"{endpoint!r} is not a http:// or https:// address")


@dataclass(frozen=True, slots=True)
class Page:
    """What an address answered. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(
    address: str,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
) -> Page:
    """One request on a connection of its own. Raises ApiError for what is no address, or when nothing answers there in HTTP."""
    url = endpoint_url(address)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Page(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    except (OSError, HTTPException) as error:
        raise UnreachableError(f"{address} does not answer: {failure_text(error)}") from error
    finally:
        connection.close()


class ApiClient:
    """One endpoint, one connection a call."""

    def __init__(self, endpoint: str) -> None:
        endpoint_url(endpoint)  # refused now, and not only when it is asked
        self._endpoint = endpoint

    def call(self, operation: str, request: dict[str, Any], timeout_s: float = 60.0) -> dict[str, Any]:
        """Carry out one operation. Raises ApiError in the server's words."""
        api = "DynamoDBStreams" if operation in STREAM_OPERATIONS else "DynamoDB"
        headers = {"X-Amz-Target": f"{api}_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        body = msgspec.json.encode(request)
        page = exchange(self._endpoint, "POST", "/", body=body, headers=headers, timeout_s=timeout_s)
        try:
            answer = msgspec.json.decode(page.body or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(f"{self._endpoint} does not speak the DynamoDB API") from error
        if page.status != HTTPStatus.OK:
            kind = str(answer.get("__type", page.status)).rpartition("#")[2]
            raise RefusedError(kind, answer.get("message") or answer.get("Message") or "")
        if "x-amzn-requestid" not in page.headers:
            raise ApiError(f"{self._endpoint} does not speak the DynamoDB API")
        return answer
