"""docker-compose.yml as users start it: first write within a minute, every promise from outside, faults, and a restart.

`make compose-test` runs this; it needs a Docker engine and takes minutes. The tests are one story, in the order written.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from stator.codec.change_topics import topic_name
from tests.client_load import Answer, ClientLoad, create_table, dynamodb, key, until
from tests.compose.published import published
from tests.compose.stack import Stack
from tests.figures import Figures
from tools.brokers import SETTINGS

pytestmark = pytest.mark.compose

FIRST_WRITE_S = 60.0
LOAD_S = 3.0
RESUMED_WITHIN_S = 60.0
PATIENCE_S = 240.0
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
PITR = {"PointInTimeRecoveryEnabled": True}
PLACED = {"controller.listener.names", "listener.security.protocol.map"}
"""Settings that say where a broker listens, which containers do in their own way."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    stack = Stack(os.environ.get("COMPOSE", "docker compose"))
    stack.down(forget=True)
    stack.build()
    try:
        yield stack
    finally:
        stack.down(forget=True)


@pytest.fixture(scope="module")
def calm(stack: Stack) -> ClientLoad:
    """What was written while nothing broke."""
    return ClientLoad(stack.endpoint, "calm", writers=2)


@pytest.fixture(scope="module")
def storm(stack: Stack) -> ClientLoad:
    """What was written while brokers and leaders were killed."""
    return ClientLoad(stack.endpoint, "storm", writers=4)


def test_brokers_in_containers_have_the_settings_of_native_ones(stack: Stack) -> None:
    services = stack.configuration()["services"]
    for name in ("kafka-1", "kafka-2", "kafka-3"):
        given = services[name]["environment"]
        for setting, value in SETTINGS.items():
            if setting not in PLACED:
                assert given[f"KAFKA_{setting.upper().replace('.', '_')}"] == str(value), (name, setting)


def test_every_published_port_is_on_the_loopback_interface(stack: Stack) -> None:
    services = stack.configuration()["services"].values()
    assert {port["host_ip"] for service in services for port in service.get("ports", [])} == {"127.0.0.1"}


def test_a_service_started_before_kafka_waits_and_says_so(stack: Stack) -> None:
    stack.compose("up", "--detach", "--no-deps", "router-1")
    until(lambda: len(stack.events("router-1", "waiting_for_server")) > 1, patience_s=PATIENCE_S, complaint="silence")
    assert {event["server"] for event in stack.events("router-1", "waiting_for_server")} == {"kafka"}
    assert "Traceback" not in stack.compose("logs", "router-1")
    assert stack.compose("ps", "--status", "running", "--services").split() == ["router-1"]
    stack.down(forget=True)


def test_the_first_item_is_written_within_a_minute(stack: Stack, figures: Figures) -> None:
    began = time.monotonic()
    stack.compose("up", "--detach")
    with dynamodb(stack.endpoint) as client:
        until(lambda: _serves(client), patience_s=PATIENCE_S, complaint="the API does not answer")
        create_table(stack.endpoint, "first")
        client.put_item(TableName="first", Item=key("one"))
    took_s = time.monotonic() - began
    figures("first_put_item_s", took_s)
    stack.up()  # what comes next needs all of it, also when this was too slow
    assert took_s < FIRST_WRITE_S


def test_what_is_written_is_read(stack: Stack, calm: ClientLoad) -> None:
    create_table(stack.endpoint, calm.table, StreamSpecification=STREAM)
    with dynamodb(stack.endpoint) as client:
        client.update_continuous_backups(TableName=calm.table, PointInTimeRecoverySpecification=PITR)
    with calm.running():
        time.sleep(LOAD_S)
    assert len(calm.puts) > 10
    calm.assert_kept()


def test_a_consumer_outside_the_network_sees_each_change_once(stack: Stack, calm: ClientLoad) -> None:
    assert_published(stack, calm)


def test_a_table_can_be_had_as_it_was(stack: Stack, calm: ClientLoad) -> None:
    with dynamodb(stack.endpoint, attempts=5) as client:
        until_now = datetime.now(UTC)
        for one in calm.puts:
            client.delete_item(TableName=calm.table, Key=key(one.pk))
        client.restore_table_to_point_in_time(
            SourceTableName=calm.table, TargetTableName="restored", RestoreDateTime=until_now
        )
        until(lambda: _status(client, "restored") == "ACTIVE", patience_s=PATIENCE_S, complaint="not restored")
    ClientLoad(stack.endpoint, "restored", puts=calm.puts, additions=calm.additions).assert_kept()


def test_writes_go_on_without_a_broker_and_a_leader_and_nothing_acknowledged_is_lost(
    stack: Stack, storm: ClientLoad, figures: Figures
) -> None:
    create_table(stack.endpoint, storm.table, StreamSpecification=STREAM)
    with storm.running():
        for number in (1, 2):
            time.sleep(LOAD_S)
            stack.compose("kill", f"kafka-{number}", f"leader-{number}")
            killed_at = time.monotonic()
            until(
                lambda: storm.acknowledged_since(killed_at) > 100,  # noqa: B023 - called at once
                patience_s=RESUMED_WITHIN_S,
                complaint=f"no writes: {storm.outcomes()}",
            )
            time.sleep(LOAD_S)
            stack.up()
    figures("longest_gap_s", storm.longest_gap_s())
    figures("answers", storm.outcomes())
    storm.assert_kept()
    assert_published(stack, storm)


def test_down_and_up_again_keep_the_data(stack: Stack, calm: ClientLoad, storm: ClientLoad) -> None:
    stack.down()
    stack.up()
    storm.assert_kept()
    ClientLoad(stack.endpoint, "restored", puts=calm.puts, additions=calm.additions).assert_kept()
    after = ClientLoad(stack.endpoint, "first", writers=1)
    with after.running():
        time.sleep(LOAD_S)
    assert after.acknowledged_since(0) > 0
    after.assert_kept()


def assert_published(stack: Stack, load: ClientLoad) -> None:
    """The table's change topic has what was acknowledged, once each and in order, and nothing that was refused."""
    with dynamodb(stack.endpoint, attempts=5) as client:
        label = client.describe_table(TableName=load.table)["Table"]["LatestStreamLabel"]
    images = published(
        stack.kafka, topic_name(load.table, label), expected=load.acknowledged_since(0), patience_s=PATIENCE_S
    )
    for one in load.puts:
        seen = images.get(one.pk, [])
        assert seen in ([], [key(one.pk)]), one
        assert one.answer is Answer.UNKNOWN or bool(seen) == (one.answer is Answer.ACKNOWLEDGED), one
    for pk in {one.pk for one in load.additions}:
        mine = [one.answer for one in load.additions if one.pk == pk]
        counted = [int(image["n"]["N"]) for image in images[pk]]
        assert counted == list(range(1, len(counted) + 1)), pk
        acknowledged = mine.count(Answer.ACKNOWLEDGED)
        assert acknowledged <= len(counted) <= acknowledged + mine.count(Answer.UNKNOWN), pk


def _serves(client: Any) -> bool:
    try:
        client.list_tables()
    except (BotoCoreError, ClientError):
        return False
    return True


def _status(client: Any, table: str) -> str:
    status: str = client.describe_table(TableName=table)["Table"]["TableStatus"]
    return status
