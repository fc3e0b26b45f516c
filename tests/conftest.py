"""Fixtures that every folder of tests may use. Real servers start once a session, on first use, on free ports."""

import signal
from collections.abc import Iterator

import pytest

from tests.figures import KEPT, Figures
from tests.native_cluster import BreakableCluster, running_cluster
from tests.servers import KafkaBrokers, MinioServer, or_fail, running_brokers, running_minio


def pytest_configure(config: pytest.Config) -> None:
    """Take Ctrl-C, so that what tests start takes it too: a shell has what it runs in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[KEPT] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what was measured, also by tests that passed."""
    if config.stash[KEPT]:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(config.stash[KEPT]))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes a nightly run of a test run."""
    parser.addoption("--times", type=int, default=1, help="how many times as much random tests of real servers do")
    parser.addoption("--seed", type=int, default=1, help="what strikes real servers is drawn from this")


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> int:
    """What a test that repeats something random multiplies its repetitions by."""
    return int(request.config.getoption("--times"))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """What a test that strikes real servers at random draws from."""
    return int(request.config.getoption("--seed"))


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where a test puts what it measured."""
    return lambda name, value: request.config.stash[KEPT].append(f"{request.node.name}: {name}: {value}")


@pytest.fixture(scope="session")
def shared_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBrokers]:
    """The session's brokers; tests take `kafka`, which is these, all alive."""
    with or_fail(), running_brokers(tmp_path_factory.mktemp("kafka")) as brokers:
        yield brokers


@pytest.fixture
def kafka(shared_kafka: KafkaBrokers) -> Iterator[KafkaBrokers]:
    """Three real brokers with `.bootstrap`, `.kill(n)`, `.start(n)`; healed after each test."""
    yield shared_kafka
    shared_kafka.heal()


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A real MinIO with an empty bucket; use an object prefix of your own."""
    with or_fail(), running_minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BreakableCluster]:
    """The session's cluster; tests take `cluster`, which is this one, whole."""
    with or_fail(), running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(shared_cluster: BreakableCluster) -> Iterator[BreakableCluster]:
    """A whole cluster of real processes that a test may break; healed after each test, and its tables dropped."""
    with shared_cluster.borrowed():
        yield shared_cluster
