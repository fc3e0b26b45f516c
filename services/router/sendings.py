"""Whether a client has sent a request before: SDKs repeat what got no answer, under one id (R18).

`amz-sdk-invocation-id` is a UUID that stays the same over all attempts of a call, and `amz-sdk-request` counts them: "attempt=2;
max=3". So it is in the sources of botocore 1.44 (handlers.py, `add_retry_headers`), JavaScript v3 (retryMiddleware.js) and Go v2
(middleware.go, `ClientRequestID`). A request without an id gets ours, so that at least the router may
repeat it.
"""

from collections.abc import Mapping
from typing import NamedTuple

ID_HEADER = "amz-sdk-invocation-id"
ATTEMPT_HEADER = "amz-sdk-request"
ID_CHARS_MAX = 64
"""SDKs send 36. An id is kept with everything that it writes, so nobody is to choose how long it is."""


class Sending(NamedTuple):
    """One request as it came. `again`: the client may have sent it before."""

    request_id: str
    again: bool = False


def sending(headers: Mapping[str, str], own_id: str) -> Sending:
    """Under which id a request came; `own_id` unless the client has one."""
    request_id = headers.get(ID_HEADER, "")
    if not 0 < len(request_id) <= ID_CHARS_MAX:
        return Sending(own_id)
    return Sending(request_id, again=_attempt(headers.get(ATTEMPT_HEADER, "")) != "1")


def _attempt(counted: str) -> str:
    """The number of the attempt; "1" unless the client says otherwise."""
    for part in counted.split(";"):
        name, _, number = part.strip().partition("=")
        if name == "attempt":
            return number
    return "1"
