"""Three real Kafka brokers as plain processes: the settings Stator's promises rest on, in one place.

One thing must not break: durability here is replication. `acks=all` means two of three brokers, no unclean election,
and the client's deadline answers before a dead broker leaves the in-sync set (the three failure-detection settings).
"""

import shutil
import subprocess
import uuid
from pathlib import Path

from tools.supervised import ROOT, ServersUnavailable
from tools.supervisor import ProcessSpec

LIBS = ROOT / ".tools" / "kafka" / "libs"
BROKERS = 3
MESSAGE_BYTES_MAX = 64 * 1024 * 1024  # 100 items of 400 KB with their old images, and room

JVM = (
    "-Xmx400m",
    "-XX:+UseSerialGC",  # three brokers share a developer's machine: few threads, quick start
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)

SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # what an acknowledged write means
    "default.replication.factor": BROKERS,
    "min.insync.replicas": 2,
    "unclean.leader.election.enable": "false",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": BROKERS,
    "transaction.state.log.replication.factor": BROKERS,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": BROKERS,
    "share.coordinator.state.topic.min.isr": 2,
    # how long a dead broker holds acks=all
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "replica.lag.time.max.ms": 3000,
    # one message is one group commit
    "message.max.bytes": MESSAGE_BYTES_MAX,
    "replica.fetch.max.bytes": MESSAGE_BYTES_MAX,
    "replica.fetch.response.max.bytes": MESSAGE_BYTES_MAX,
    "socket.request.max.bytes": MESSAGE_BYTES_MAX + 1024 * 1024,  # the message and its request's framing
    # many small logs: one topic per partition of a table
    "log.index.size.max.bytes": 1024 * 1024,
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    # the streams service keeps its place in committed offsets, also while it is down for long (docs/change-topics.md)
    "offsets.retention.minutes": 365 * 24 * 60,
}


def bootstrap_servers(ports: list[int]) -> str:
    """Return the clients' address list for brokers on `ports`."""
    return ",".join(f"127.0.0.1:{port}" for port in ports)


def broker_specs(directory: Path, ports: list[int], controller_ports: list[int]) -> list[ProcessSpec]:
    """Write each broker's settings, format its storage once, and say how to run `kafka-1` to `kafka-3`.

    Raises ServersUnavailable when Java or the jars are missing.
    """
    java = shutil.which("java")
    if java is None:
        raise ServersUnavailable("Kafka needs a JDK, 17 or newer: apt install default-jdk-headless")
    if not any(LIBS.glob("kafka_*.jar")):
        raise ServersUnavailable("Kafka's jars are missing: make .tools/kafka/.stamp fetches them")
    command = (java, *JVM, "-cp", f"{LIBS}/*")
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controller_ports, 1))
    specs, unformatted = [], []
    for node, (port, controller_port) in enumerate(zip(ports, controller_ports, strict=True), 1):
        data = directory / "data" / f"kafka-{node}"
        data.mkdir(parents=True, exist_ok=True)
        properties = directory / f"kafka-{node}.properties"
        settings = SETTINGS | {
            "node.id": node,
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "log.dirs": data,
        }
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if not (data / "meta.properties").exists():
            unformatted.append(properties)
        specs.append(
            ProcessSpec(
                name=f"kafka-{node}",
                argv=(*command, "kafka.Kafka", str(properties)),
                environment={},
                answers_at=(f"127.0.0.1:{port}",),
                tier=0,
                stop_s=10,
            )
        )
    _format(command, _cluster_id(directory), unformatted)
    return specs


def _cluster_id(directory: Path) -> str:
    """Return the id all three storages carry; kept, so that a lost one can be formatted again."""
    kept = directory / "kafka-cluster-id"
    if not kept.exists():
        kept.write_text(uuid.uuid4().hex[:22])
    return kept.read_text()


def _format(command: tuple[str, ...], cluster_id: str, properties: list[Path]) -> None:
    formatters = [
        subprocess.Popen(
            [*command, "kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for path in properties
    ]
    outputs = [formatter.communicate()[0] for formatter in formatters]
    for formatter, output in zip(formatters, outputs, strict=True):
        if formatter.returncode != 0:
            raise ServersUnavailable(f"Kafka storage could not be formatted: {output.strip()}")
