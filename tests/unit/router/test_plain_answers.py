import pytest

from services.router.plain_answers import plain_answer

CALL = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"}


def test_a_call_is_left_to_the_handler() -> None:
    assert plain_answer("POST", "/", CALL, b"{}") is None
    assert plain_answer("POST", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", CALL, b"{}") is None


def test_plain_json_is_a_call_too() -> None:
    assert plain_answer("POST", "/", CALL | {"content-type": "application/json; charset=utf-8"}, b"{}") is None


def test_get_says_healthy_with_aws_trailing_space() -> None:
    for host in ("localhost:8000", "dynamodb.us-east-1.amazonaws.com"):
        answer = plain_answer("GET", "/", {"host": host}, b"")
        assert (answer.status, answer.body) == (200, b"healthy: %s " % host.encode())


def test_preflight_allows_what_the_browser_asks() -> None:
    asked = {"origin": "http://x", "access-control-request-headers": "x-amz-target"}
    answer = plain_answer("OPTIONS", "/", asked, b"")
    assert answer.status == 200
    assert dict(answer.headers) == {
        "Access-Control-Max-Age": "172800",
        "Access-Control-Allow-Headers": "x-amz-target",
    }


def test_a_missing_target_is_an_unknown_operation() -> None:
    answer = plain_answer("POST", "/", {"content-type": "application/json"}, b"{}")
    assert (answer.status, answer.body) == (400, b'{"__type":"com.amazon.coral.service#UnknownOperationException"}')


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PUT", "/", CALL),
        ("DELETE", "/", CALL),
        ("OPTIONS", "/", {}),
        ("GET", "/tables", {}),
        ("POST", "/tables", CALL),
        ("POST", "/", CALL | {"content-type": "application/x-amz-json-1.1"}),
    ],
)
def test_whatever_is_no_call_is_not_found(method: str, path: str, headers: dict[str, str]) -> None:
    answer = plain_answer(method, path, headers, b"{}")
    assert (answer.status, answer.body) == (404, b"<UnknownOperationException/>\n")


def test_head_is_answered_without_a_body() -> None:
    assert plain_answer("HEAD", "/", {}, b"").body == b""
