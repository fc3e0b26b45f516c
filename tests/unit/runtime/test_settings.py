"""A wrong setting is told by name; nothing is guessed."""

from pathlib import Path

import pytest

from stator.model.errors import StartupError
from stator.runtime.settings import cluster_settings

GOOD = {
    "STATOR_NODE": "leader-1",
    "STATOR_KAFKA": "k1:9092,k2:9092",
    "STATOR_SEEDS": "leader-1=10.0.0.1:7000, gsi-worker-2=10.0.0.2:7001",
    "STATOR_S3_ENDPOINT": "http://s3:9000",
    "STATOR_S3_ACCESS_KEY": "access",
    "STATOR_S3_SECRET_KEY": "secret",
}


def test_what_is_given_is_read_and_the_rest_has_defaults() -> None:
    settings = cluster_settings(GOOD)
    assert (settings.node, settings.kafka, settings.listen) == ("leader-1", "k1:9092,k2:9092", ("10.0.0.1", 7000))
    assert settings.members == {"leader-1": "leader", "gsi-worker-2": "gsi-worker"}
    assert settings.data == Path("data/leader-1")
    assert (settings.host, settings.port, settings.partitions) == ("127.0.0.1", 8000, 4)
    assert settings.materializer_delay_s == 0
    assert cluster_settings(GOOD | {"STATOR_MATERIALIZER_DELAY": "2.5"}).materializer_delay_s == 2.5
    assert settings.strong_reads == "lease"
    assert cluster_settings(GOOD | {"STATOR_STRONG_READS": "barrier"}).strong_reads == "barrier"


def test_an_address_to_listen_on_may_differ_from_the_one_others_use() -> None:
    assert cluster_settings(GOOD | {"STATOR_LISTEN": "0.0.0.0:7000"}).listen == ("0.0.0.0", 7000)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(StartupError, match=f"^{name} is not set$"):
        cluster_settings({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATOR_PORT", "many"),
        ("STATOR_PORT", "nan"),
        ("STATOR_PORT", "65536"),
        ("STATOR_ADMIN_PORT", "many"),
        ("STATOR_PARTITIONS", "0"),
        ("STATOR_PARTITIONS", "1.5"),
        ("STATOR_SEGMENT_AGE_S", "inf"),
        ("STATOR_SEGMENT_AGE_S", "-1"),
        ("STATOR_SEGMENT_AGE_S", "0"),
        ("STATOR_MATERIALIZER_DELAY", "-1"),
        ("STATOR_MATERIALIZER_DELAY", "nan"),
        ("STATOR_MATERIALIZER_DELAY", "a while"),
        ("STATOR_PARTITIONS", ""),
        ("STATOR_SEGMENT_AGE_S", "1m"),
        ("STATOR_LISTEN", "7000"),
        ("STATOR_SEEDS", "leader-1"),
        ("STATOR_SEEDS", "leader-1=host:port"),
        ("STATOR_NODE", "leader-9"),
        ("STATOR_STRONG_READS", "leases"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(StartupError, match=name):
        cluster_settings(GOOD | {name: value})


@pytest.mark.parametrize(
    ("given", "admin_port"),
    [
        ({}, 8002),
        ({"STATOR_PORT": "9000"}, 9002),
        ({"STATOR_PORT": "0"}, 0),
        ({"STATOR_PORT": "65535"}, 0),
        ({"STATOR_PORT": "9000", "STATOR_ADMIN_PORT": "0"}, 0),
        ({"STATOR_ADMIN_PORT": "7777"}, 7777),
    ],
)
def test_the_admin_port_is_two_above_the_apis_unless_it_is_given(given: dict[str, str], admin_port: int) -> None:
    assert cluster_settings(GOOD | given).admin_port == admin_port


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(cluster_settings(GOOD | {"STATOR_S3_SECRET_KEY": "secret"})).replace("secret_key", "")
