"""The command line and the admin port as a person meets them: real processes, real sockets."""

import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.standalone_server import START_S, STATOR, StandaloneServer, dynamodb, free_port, standalone, start_stator

ITEMS = 25
PATIENCE_S = 30.0


class Deployment:
    """A server with its admin port, and a table with an index and a stream."""

    def __init__(self, server: StandaloneServer, admin_port: int) -> None:
        self.server = server
        self.admin = f"http://127.0.0.1:{admin_port}"
        self.admin_port = admin_port
        self.db = dynamodb(server.endpoint)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(STATOR), *arguments, "--endpoint", self.server.endpoint]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    admin_port = free_port()
    with standalone(tmp_path_factory.mktemp("cli") / "data", "--admin-port", str(admin_port)) as server:
        deployed = Deployment(server, admin_port)
        deployed.db.create_table(
            TableName="Notes",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "tag")],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "ByTag",
                    "KeySchema": [{"AttributeName": "tag", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        for number in range(ITEMS):
            deployed.db.put_item(TableName="Notes", Item={"id": {"S": str(number)}, "tag": {"S": "t"}})
        yield deployed
        deployed.db.close()


def admin(deployment: Deployment) -> tuple[str, str]:
    return "--admin", deployment.admin


def test_a_server_lives_and_is_ready(deployment: Deployment) -> None:
    assert deployment.get("/healthz") == (200, "ok\n")
    status, body = deployment.get("/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)


def test_requests_are_counted_where_cloudwatch_would(deployment: Deployment) -> None:
    missing = {"TableName": "made-up", "Key": {"id": {"S": "1"}}}
    with pytest.raises(deployment.db.exceptions.ResourceNotFoundException):
        deployment.db.get_item(**missing)
    metrics = deployment.metrics()
    of_puts = frozenset({("table", "Notes"), ("operation", "PutItem")})
    assert metrics["ddb_request_duration_seconds_count", of_puts] >= ITEMS
    units = metrics["ddb_consumed_write_capacity_units_total", frozenset({("table", "Notes"), ("index", "")})]
    assert units >= ITEMS
    assert metrics["ddb_user_errors_total", frozenset({("operation", "GetItem")})] >= 1
    assert metrics["stator_append_duration_seconds_count", frozenset()] > 0
    assert not any(("table", "made-up") in labels for _, labels in metrics)
    leads = {("duty", "leads"), ("table", "Notes"), ("index", ""), ("log", "1")}
    assert metrics["stator_lag_offsets", frozenset(leads)] == 0


def test_a_transaction_over_two_tables_is_counted_and_its_ledger_is_shown(deployment: Deployment) -> None:
    db = deployment.db
    db.create_table(
        TableName="Others",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    note = {"TableName": "Notes", "Key": {"id": {"S": "1"}}, "ConditionExpression": "attribute_exists(id)"}
    other = {"Put": {"TableName": "Others", "Item": {"id": {"S": "1"}}}}
    db.transact_write_items(TransactItems=[{"ConditionCheck": note}, other])
    note["ConditionExpression"] = "attribute_not_exists(id)"
    with pytest.raises(db.exceptions.TransactionCanceledException):
        db.transact_write_items(TransactItems=[{"ConditionCheck": note}, other])
    metrics = deployment.metrics()
    assert metrics["stator_transactions_started_total", frozenset({("scope", "across")})] == 2
    for outcome in ("committed", "cancelled"):
        labels = frozenset({("scope", "across"), ("outcome", outcome)})
        assert metrics["stator_transactions_ended_total", labels] == 1
    reason = frozenset({("reason", "ConditionalCheckFailed")})
    assert metrics["stator_transactions_cancelled_for_total", reason] == 1
    assert ("stator_undecided_transactions", frozenset({("table", "Notes"), ("log", "1")})) in metrics
    assert "standalone leads the ledger" in deployment.run("status", *admin(deployment)).stdout
    db.delete_table(TableName="Others")


def test_status_shows_tables_and_one_of_them(deployment: Deployment) -> None:
    shown = deployment.run("status", *admin(deployment))
    assert shown.returncode == 0
    (row,) = [line for line in shown.stdout.splitlines() if line.startswith("Notes")]
    assert row.split()[1:3] == ["ACTIVE", str(ITEMS)]
    told: dict[str, Any] = json.loads(deployment.run("status", "Notes", "--json", *admin(deployment)).stdout)
    assert told["partitions"][0]["leader"] == "standalone"
    assert told["indexes"][0]["name"] == "ByTag"
    assert told["stream"]["view_type"] == "NEW_AND_OLD_IMAGES"


def test_the_doctor_finds_a_running_server_well(deployment: Deployment) -> None:
    seen = deployment.run("doctor", *admin(deployment))
    assert (seen.returncode, seen.stdout.splitlines()[-1]) == (0, "All is well.")


def test_the_doctor_says_when_the_admin_port_is_off(deployment: Deployment) -> None:
    seen = deployment.run("doctor", "--admin", f"http://127.0.0.1:{free_port()}")
    assert seen.returncode == 1
    assert "without the admin port nothing more can be seen" in seen.stdout


def test_tail_shows_what_happened_and_ends_if_told_to(deployment: Deployment) -> None:
    shown = deployment.run("tail", "Notes", "--from", "-1h", "--no-follow", "--json")
    ids = [json.loads(line)["dynamodb"]["Keys"]["id"]["S"] for line in shown.stdout.splitlines()]
    assert ids[:ITEMS] == [str(number) for number in range(ITEMS)]
    assert shown.returncode == 0


def test_tail_shows_what_happens_and_ends_by_control_c_without_a_word(deployment: Deployment) -> None:
    command = [str(STATOR), "tail", "Notes", "--keys-only", "--endpoint", deployment.server.endpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tailing:
        assert tailing.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        written = 0
        while written == 0 or not _readable(tailing):  # it may begin to look after the first
            assert time.monotonic() < deadline
            deployment.db.put_item(TableName="Notes", Item={"id": {"S": "seen"}, "n": {"N": str(written)}})
            written += 1
            time.sleep(0.1)
        line = tailing.stdout.readline()
        tailing.send_signal(signal.SIGINT)
        _, said = tailing.communicate(timeout=PATIENCE_S)
    assert 'id="seen"' in line
    assert (tailing.returncode, said) == (130, "")


def _readable(process: "subprocess.Popen[str]") -> bool:
    return bool(select.select([process.stdout], [], [], 0)[0])


def test_a_stream_that_is_off_is_told_with_how_to_switch_it_on(deployment: Deployment) -> None:
    deployment.db.create_table(
        TableName="Quiet",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    refused = deployment.run("tail", "Quiet")
    assert refused.returncode == 1
    assert refused.stderr.startswith("stator: the stream of Quiet is off; switch it on: aws dynamodb update-table")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("status", "Nope"), ("tail", "Nope"), ("restore", "--table", "Nope", "--to", "x")]
)
def test_a_wrong_table_is_one_line(deployment: Deployment, arguments: tuple[str, ...]) -> None:
    where = admin(deployment) if arguments[0] == "status" else ()
    refused = deployment.run(*arguments, *where)
    assert refused.returncode == 1
    assert refused.stderr.startswith("stator: ")
    assert refused.stderr.count("\n") == 1


def test_an_admin_port_in_use_is_one_line_and_code_2(deployment: Deployment, tmp_path: Path) -> None:
    process = start_stator(tmp_path / "data", free_port(), "--admin-port", str(deployment.admin_port))
    said = process.communicate(timeout=START_S)[1]
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith(f"stator: admin port {deployment.admin_port} on 127.0.0.1 is in use")


def test_control_c_while_it_loads_is_no_traceback() -> None:
    interrupted = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "from stator_services.cli.__main__ import main\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")


def test_a_full_disk_behind_the_output_is_one_line(deployment: Deployment) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [str(STATOR), "doctor", "--endpoint", deployment.server.endpoint],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, "stator: [Errno 28] No space left on device\n")


def test_a_client_that_connects_and_says_nothing_keeps_nobody_from_the_admin_port(deployment: Deployment) -> None:
    with socket.create_connection(("127.0.0.1", deployment.admin_port), timeout=PATIENCE_S):
        assert deployment.get("/healthz")[0] == 200
