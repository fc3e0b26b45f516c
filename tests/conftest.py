"""Fixtures that every folder of tests may use. Real servers start once a session, on first use, on free ports."""

from collections.abc import Iterator

import pytest

from tests.servers import KafkaBrokers, MinioServer, running_brokers, running_minio
from tools.supervised import ServersUnavailable


@pytest.fixture(scope="session")
def shared_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBrokers]:
    """The session's brokers; tests take `kafka`, which is these, all alive."""
    try:
        with running_brokers(tmp_path_factory.mktemp("kafka")) as brokers:
            yield brokers
    except ServersUnavailable as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def kafka(shared_kafka: KafkaBrokers) -> Iterator[KafkaBrokers]:
    """Three real brokers with `.bootstrap`, `.kill(n)`, `.start(n)`; healed after each test."""
    yield shared_kafka
    shared_kafka.heal()


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A real MinIO with an empty bucket; use an object prefix of your own."""
    try:
        with running_minio(tmp_path_factory.mktemp("minio")) as server:
            yield server
    except ServersUnavailable as missing:
        pytest.fail(str(missing), pytrace=False)
