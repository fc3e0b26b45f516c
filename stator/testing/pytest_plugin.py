"""The fixture `stator`. pytest finds it by the entry point `pytest11`, so nothing need be imported."""

from collections.abc import Iterator
from typing import Any

import pytest

from stator.testing.server import StatorServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting `stator_scope`."""
    parser.addini(
        "stator_scope", "How long a server of the fixture `stator` lives: function … session.", default="function"
    )


def _scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest gives both by name
    return config.getini("stator_scope")


@pytest.fixture(scope=_scope)
def stator() -> Iterator[StatorServer]:
    """An empty DynamoDB of its own for each test; with `stator_scope = session` in pytest's settings one for all."""
    with StatorServer() as server:
        yield server
