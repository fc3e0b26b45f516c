"""Which requests are taken for one that a client may have sent before."""

import pytest

from services.router.sendings import ID_CHARS_MAX, Sending, sending

UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.mark.parametrize(
    ("counted", "again"),
    [
        ("attempt=1", False),
        ("attempt=1; max=3", False),
        ("ttl=20261121T152500Z; attempt=1; max=5", False),
        ("attempt=2; max=3", True),
        ("ttl=20261121T152500Z;attempt=10;max=50", True),
        ("", False),
        ("max=3", False),
    ],
)
def test_a_request_comes_again_from_its_second_attempt_on(counted: str, *, again: bool) -> None:
    headers = {"amz-sdk-invocation-id": UUID, "amz-sdk-request": counted}
    assert sending(headers, "own") == Sending(UUID, again)


@pytest.mark.parametrize("request_id", [None, "", "x" * (ID_CHARS_MAX + 1)])
def test_a_request_without_a_usable_id_gets_ours_and_is_new(request_id: str | None) -> None:
    headers = {"amz-sdk-request": "attempt=2"} | ({} if request_id is None else {"amz-sdk-invocation-id": request_id})
    assert sending(headers, "own") == Sending("own", again=False)
