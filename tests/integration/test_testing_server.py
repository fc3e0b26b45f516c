"""What `stator.testing` promises to strangers' test suites. tests/wheel has the pytest fixture, as installed."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stator.testing import ServerFailedError, StatorServer

PATIENCE_S = 30.0
KEYS = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
HOLD = """
import time
from stator.testing import StatorServer

with StatorServer() as server:
    print(server.port, flush=True)
    time.sleep(600)
"""


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_nothing_is_left_after_the_with() -> None:
    with StatorServer() as server:
        assert server.client().list_tables()["TableNames"] == []
        assert list(server.directory.iterdir())
    assert server.process.returncode is not None
    assert not server.directory.exists()
    assert not is_listening(server.port)


def test_a_directory_of_ones_own_is_kept(tmp_path: Path) -> None:
    with StatorServer(tmp_path / "data") as server:
        server.client().create_table(TableName="kept", **KEYS)
    with StatorServer(tmp_path / "data") as server:
        assert server.client().list_tables()["TableNames"] == ["kept"]


def test_what_was_acknowledged_survives_a_kill_on_the_same_port() -> None:
    with StatorServer() as server:
        table = server.resource().create_table(TableName="things", **KEYS)
        table.put_item(Item={"id": "1", "price": 5})
        port = server.port
        server.kill()
        server.start()
        assert server.port == port
        assert table.get_item(Key={"id": "1"})["Item"] == {"id": "1", "price": 5}


def test_servers_side_by_side_know_nothing_of_each_other() -> None:
    with StatorServer() as one, StatorServer() as other:
        one.client().create_table(TableName="mine", **KEYS)
        assert other.client().list_tables()["TableNames"] == []


def test_what_the_server_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        ServerFailedError, match=r"ended with 2: stator: data directory .* cannot be used: Not a directory"
    ):
        StatorServer(tmp_path / "file" / "data").__enter__()


def test_a_killed_test_run_leaves_no_server() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        port = int(run.stdout.readline())
        assert is_listening(port)
        os.kill(run.pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while is_listening(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_listening(port)
