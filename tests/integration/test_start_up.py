"""Starting and ending as an operator sees it: one line when it cannot be, and an orderly end when asked for one."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standalone_server import START_S, StandaloneServer, free_port, standalone, start_stator

STOPS = [signal.SIGTERM, signal.SIGINT]
CREATE = {
    "TableName": "drained",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
PIPELINED = 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandaloneServer]:
    with standalone(tmp_path / "data") as running:
        yield running


def refusal(directory: Path, port: int) -> str:
    """What a server that cannot start says."""
    process = start_stator(directory, port)
    said = process.communicate(timeout=START_S)[1]
    assert process.returncode == 2
    return said


def request_bytes(operation: str, body: dict[str, object]) -> bytes:
    payload = json.dumps(body).encode()
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(payload)}\r\n"
    head += f"X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n\r\n"
    return head.encode() + payload


def test_a_directory_in_use_is_refused_in_one_line(server: StandaloneServer) -> None:
    said = refusal(server.directory, free_port())
    assert said == f"stator: data directory {server.directory} is in use by another process\n"


def test_a_port_in_use_is_refused_in_one_line(server: StandaloneServer, tmp_path: Path) -> None:
    said = refusal(tmp_path / "other", server.port).splitlines()
    assert said[-1] == f"stator: port {server.port} on 127.0.0.1 is in use by another process"
    assert [line for line in said if not line.startswith("{")] == said[-1:]  # log lines aside, nothing else


def test_a_directory_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = refusal(tmp_path / "file" / "data", free_port())
    assert said == f"stator: data directory {tmp_path / 'file' / 'data'} cannot be used: Not a directory\n"


def test_a_log_that_is_none_of_ours_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir(parents=True)
    (tmp_path / "log" / "data.mdb").write_bytes(b"no database" * 1000)
    said = refusal(tmp_path, free_port())
    assert said.startswith(f"stator: the log in data directory {tmp_path} cannot be opened: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_ends_an_idle_server_with_zero(server: StandaloneServer, number: signal.Signals) -> None:
    server.process.send_signal(number)
    assert server.wait() == 0
    assert "Traceback" not in server.output()


@pytest.mark.parametrize("number", STOPS)
def test_what_was_asked_before_the_signal_is_answered(server: StandaloneServer, number: signal.Signals) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=START_S) as connection:
        connection.sendall(request_bytes("CreateTable", CREATE))
        received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 200")
        puts = [{"TableName": "drained", "Item": {"pk": {"S": str(n)}}} for n in range(PIPELINED)]
        connection.sendall(b"".join(request_bytes("PutItem", put) for put in puts))
        received = connection.recv(65536)  # the server has them: the first is answered
        server.process.send_signal(number)
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200") == PIPELINED
    assert server.wait() == 0
    assert "Traceback" not in server.output()
