"""The `stator` command: what it understands, and what it says when it cannot."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from services.cli.api_client import ApiClient, ApiError
from services.cli.commands import app
from services.cli.completion import table_names
from services.cli.processes import NAMES, run_service
from services.cli.restore import restore_table
from tests.unit.cli.stub_server import Quiet, stub_server

Answer = Callable[[str, dict[str, Any]], tuple[int, bytes]]


@contextmanager
def api(answer: Answer, *, request_id: str | None = "0") -> Iterator[str]:
    """An endpoint that answers (operation, request) with a status and a body."""

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802 http.server's name
            request = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(self.headers["X-Amz-Target"].partition(".")[2], request)
            self.answer(status, body, {} if request_id is None else {"x-amzn-RequestId": request_id})

    with stub_server(Handler) as address:
        yield address


def test_an_answer_is_the_servers_and_a_refusal_is_in_its_words() -> None:
    def answer(operation: str, request: dict[str, Any]) -> tuple[int, bytes]:
        if operation == "DescribeTable":
            return 200, msgspec.json.encode(request)
        return 400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no such table"}'

    with api(answer) as endpoint:
        client = ApiClient(endpoint)
        assert client.call("DescribeTable", {"TableName": "x"}) == {"TableName": "x"}
        with pytest.raises(ApiError, match=r"^ResourceNotFoundException: no such table$"):
            client.call("DeleteTable", {})


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'"\xff"'])
def test_what_is_no_server_of_ours_is_told_as_such(status: int, body: bytes) -> None:
    with (
        api(lambda _operation, _request: (status, body)) as endpoint,
        pytest.raises(ApiError, match="does not speak the DynamoDB API"),
    ):
        ApiClient(endpoint).call("ListTables", {})


def test_an_answer_that_bears_no_request_id_is_not_taken_for_the_apis() -> None:
    with (
        api(lambda _operation, _request: (200, b"{}"), request_id=None) as endpoint,
        pytest.raises(ApiError, match="does not speak the DynamoDB API"),
    ):
        ApiClient(endpoint).call("ListTables", {})


def test_where_nobody_listens_nobody_answers() -> None:
    with pytest.raises(ApiError, match="does not answer"):
        ApiClient("http://127.0.0.1:9").call("ListTables", {})


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:8000", "", "http://", "http://h:99999", "http://h:0", "http://h:x", "http://[::1", "http://a..b:80"],
)
@pytest.mark.parametrize("command", [["status"], ["tail", "a"], ["restore", "--table", "a", "--to", "b"], ["doctor"]])
def test_what_is_no_address_is_one_line(endpoint: str, command: list[str]) -> None:
    ended = CliRunner().invoke(app, [*command, "--endpoint", endpoint], env={"AWS_ENDPOINT_URL_DYNAMODB": ""})
    assert ended.exit_code == 1
    assert f"{endpoint!r} is not a http:// or https:// address" in ended.output
    assert ended.exception is None or isinstance(ended.exception, SystemExit)


def test_a_restore_asks_for_the_instant_and_waits_until_the_table_is_active(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    states = iter(["CREATING", "CREATING", "ACTIVE"])

    def answer(operation: str, request: dict[str, Any]) -> tuple[int, bytes]:
        asked.append((operation, request))
        table: dict[str, Any] = {}
        if operation == "DescribeTable":
            table = {
                "TableStatus": next(states),
                "ItemCount": 3,
                "RestoreSummary": {"StatorProgress": {"Done": 1, "Total": 2}},
            }
        return 200, msgspec.json.encode({"Table": table})

    with api(answer) as endpoint:
        assert restore_table("orders", "copy", "2026-11-21T05:00:00.25Z", endpoint) == 0
    assert asked[0] == (
        "RestoreTableToPointInTime",
        {"SourceTableName": "orders", "TargetTableName": "copy", "RestoreDateTime": 1_795_237_200.25},
    )
    assert "3 items" in capsys.readouterr().out


@pytest.mark.parametrize("at", ["yesterday", None])
def test_a_restore_that_cannot_be_is_one_line_and_code_1(at: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore_table("orders", "copy", at, "http://127.0.0.1:9") == 1
    said = capsys.readouterr().err
    assert said.startswith("stator: ")
    assert said.count("\n") == 1


def test_an_unknown_service_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_service("teleporter") == 2
    said = capsys.readouterr().err
    assert all(name in said for name in NAMES)


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(command in shown for command in ("serve", "status", "tail", "restore", "doctor", "service"))


def test_the_version_is_the_packages() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.output, shown.exit_code) == (f"stator {version('stator')}\n", 0)


@pytest.mark.parametrize("command", ["serve", "status", "tail", "restore", "doctor"])
def test_help_shows_how_a_command_is_used(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"]).output
    assert f"\n  stator {command}" in shown


def test_the_shell_completes_names_of_tables_and_is_silent_about_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    with api(lambda _operation, _request: (200, b'{"TableNames":["Music","Notes","Numbers"]}')) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        assert table_names("N", "http://127.0.0.1:9") == ["Notes", "Numbers"]
    assert table_names("N", "http://127.0.0.1:9") == []


def test_the_endpoint_is_read_where_sdks_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    for arguments in (["status"], ["tail", "Notes"], ["restore", "--table", "a", "--to", "b"], ["doctor"]):
        ended = CliRunner().invoke(app, arguments)
        assert ended.exit_code == 1
        assert "http://127.0.0.1:" in ended.output
        assert "Traceback" not in ended.output
