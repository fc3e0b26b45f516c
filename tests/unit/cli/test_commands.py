"""The `stator` command: what it understands, and what it says when it cannot."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from services.cli.api_client import ApiClient, ApiError
from services.cli.commands import app
from services.cli.processes import NAMES, run_service
from services.cli.restore import instant, restore_table

Answer = Callable[[str, dict[str, Any]], tuple[int, bytes]]


@contextmanager
def api(answer: Answer) -> Iterator[str]:
    """An endpoint that answers (operation, request) with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(self.headers["X-Amz-Target"].partition(".")[2], request)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21T05:00:00Z", 1_795_237_200.0),
        ("2026-11-21T05:00:00", 1_795_237_200.0),
        ("2026-11-21T06:00:00+01:00", 1_795_237_200.0),
        ("2026-11-21T05:00:00.250001Z", 1_795_237_200.250001),
    ],
)
def test_instants_are_iso_8601_and_utc_unless_they_say_otherwise(text: str, seconds: float) -> None:
    assert instant(text) == seconds


@pytest.mark.parametrize("text", ["yesterday", "", "1795237200", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="--at"):
        instant(text)


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


def test_what_is_no_server_of_ours_is_told_as_such() -> None:
    with (
        api(lambda _operation, _request: (200, b"<html>")) as endpoint,
        pytest.raises(ApiError, match="does not speak"),
    ):
        ApiClient(endpoint).call("ListTables", {})
    with pytest.raises(ApiError, match="does not answer"):
        ApiClient("http://127.0.0.1:9").call("ListTables", {})
    with pytest.raises(ApiError, match="not a http"):
        ApiClient("localhost:8000")


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
    assert all(command in shown for command in ("serve", "restore", "service"))
