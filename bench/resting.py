"""What a cluster takes of the machine while nobody asks it for anything: all its processes are on this one."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from bench.client import cpu_s
from tools.cluster import NativeCluster, Ports

TABLES = (0, 20)
SETTLED_S = 10.0
LOOK_S = 20.0


@dataclass(frozen=True, slots=True)
class Resting:
    """Shares of one core, of so many tables' cluster."""

    tables: int
    brokers: float
    services: float


def measure_resting(directory: Path, base_port: int) -> Iterator[Resting]:
    """Look at a cluster without tables and with some. It takes 150 ports, of which the API has one of the last."""
    cluster = NativeCluster(directory, Ports(base_port, base_port + 147))
    try:
        cluster.start(leash=True)
        cluster.wait_ready()
        made = 0
        for tables in TABLES:
            _create_tables(cluster.ports.api, range(made, tables))
            made = tables
            time.sleep(SETTLED_S)
            before, began_at = _used_s(cluster), time.perf_counter()
            time.sleep(LOOK_S)
            took_s = time.perf_counter() - began_at
            brokers, services = ((now - then) / took_s for now, then in zip(_used_s(cluster), before, strict=True))
            yield Resting(tables, brokers, services)
    finally:
        cluster.stop()


def _create_tables(port: int, numbers: Iterable[int]) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
    )
    for number in numbers:
        client.create_table(
            TableName=f"resting-{number}",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    client.close()


def _used_s(cluster: NativeCluster) -> tuple[float, float]:
    """CPU time of all brokers, and of everything else."""
    used = {spec.name: cpu_s(pid) for spec in cluster.specs if (pid := cluster.pid(spec.name)) is not None}
    brokers = sum(seconds for name, seconds in used.items() if name.startswith("kafka-"))
    return brokers, sum(used.values()) - brokers
