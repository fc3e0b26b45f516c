"""The state of a cluster as `stator status` and `stator doctor` tell it, of real processes, one of which is away."""

import json
import subprocess
from http.client import HTTPConnection
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.client_load import until
from tests.native_cluster import LEADERS, BreakableCluster
from tests.standalone_server import STATOR, dynamodb

pytestmark = pytest.mark.cluster

TABLE = "told-of"
ITEMS = 20
PATIENCE_S = 60.0


def run(cluster: BreakableCluster, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(STATOR), *arguments, "--endpoint", cluster.endpoint]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def table_status(cluster: BreakableCluster) -> dict[str, Any]:
    shown = run(cluster, "status", TABLE, "--json")
    assert shown.returncode == 0, shown.stderr
    told: dict[str, Any] = json.loads(shown.stdout)
    return told


def make_table(cluster: BreakableCluster) -> None:
    db = dynamodb(cluster.endpoint, attempts=5)
    db.create_table(
        TableName=TABLE,
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
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    db.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    for number in range(ITEMS):
        db.put_item(TableName=TABLE, Item={"id": {"S": str(number)}, "tag": {"S": "t"}})
    db.close()


def duties(partition: dict[str, Any]) -> set[tuple[str, int]]:
    return {(standing["duty"], standing["lag"]) for standing in partition["standings"]}


def test_status_gathers_all_processes_and_the_doctor_misses_one_that_is_away(cluster: BreakableCluster) -> None:
    make_table(cluster)

    def settled() -> bool:
        told = table_status(cluster)
        caught_up = {("leads", 0), ("follows", 0), ("views", 0), ("publishes", 0), ("indexes", 0)}
        return (
            told["items"] == ITEMS
            and all(caught_up <= duties(partition) for partition in told["partitions"])
            and told["indexes"][0]["behind"] == 0
        )

    until(settled, patience_s=PATIENCE_S, complaint="not everything that follows the table caught up")
    told = table_status(cluster)
    assert {partition["leader"] for partition in told["partitions"]} <= set(LEADERS)
    assert told["stream"]["topic"].startswith(f"stator.changes.{TABLE.replace('-', '--')}.")
    views = {standing["node"] for standing in told["partitions"][0]["standings"] if standing["duty"] == "views"}
    assert views == {"materializer-1", "materializer-2"}

    cluster.take_down("materializer-2")
    seen = run(cluster, "doctor")
    assert seen.returncode == 1
    assert "✗ process materializer-2 does not answer" in seen.stdout
    cluster.bring_back("materializer-2")
    until(
        lambda: "materializer-2" not in run(cluster, "doctor").stdout,
        patience_s=PATIENCE_S,
        complaint="the doctor still misses it",
    )


def test_every_process_is_ready_and_tells_its_numbers(cluster: BreakableCluster) -> None:
    for spec in cluster.native.specs:
        if "STATOR_ADMIN_PORT" in spec.environment:
            port = int(spec.environment["STATOR_ADMIN_PORT"])
            until(lambda: get(port, "/readyz")[0] == 200, patience_s=PATIENCE_S, complaint=f"{spec.name} is not ready")  # noqa: B023 - called at once
            families = {family.name for family in text_string_to_metric_families(get(port, "/metrics")[1])}
            assert {"stator_info", "stator_lag_offsets", "process_cpu_seconds"} <= families


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
