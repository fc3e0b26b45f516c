"""A few calls of the DynamoDB API, for our own commands: plain HTTP, no SDK, no credentials."""

import http.client
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


class ApiClient:
    """One endpoint, one connection a call."""

    def __init__(self, endpoint: str) -> None:
        url = endpoint_url(endpoint)
        self._endpoint = endpoint
        self._kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = url.hostname or "", url.port

    def call(self, operation: str, request: dict[str, Any], timeout_s: float = 60.0) -> dict[str, Any]:
        """Carry out one operation. Raises ApiError in the server's words."""
        api = "DynamoDBStreams" if operation in STREAM_OPERATIONS else "DynamoDB"
        headers = {"X-Amz-Target": f"{api}_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        connection = self._kind(self._host, self._port, timeout=timeout_s)
        try:
            connection.request("POST", "/", msgspec.json.encode(request), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self._endpoint} does not answer: {failure_text(error)}") from error
        finally:
            connection.close()
        try:
            answer = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(f"{self._endpoint} does not speak the DynamoDB API") from error
        if response.status != http.client.OK:
            kind = str(answer.get("__type", response.status)).rpartition("#")[2]
            raise RefusedError(kind, answer.get("message") or answer.get("Message") or "")
        if response.getheader("x-amzn-RequestId") is None:
            raise ApiError(f"{self._endpoint} does not speak the DynamoDB API")
        return answer
