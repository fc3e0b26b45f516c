"""Where the programs of these tests find their DynamoDB: said by AWS's own environment variables, and nowhere else.

One thing must not break: a program here is what its user writes for AWS. Whoever needs a flag, a patch or a switched-off
check to make a client work has found a fault of the server.

    CLIENTS_ENDPOINT=http://localhost:8001 pytest tests/clients    # try the programs themselves, on DynamoDB Local
"""

import os
from collections.abc import Iterator

import pytest

from tests.standalone_server import standalone


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all programs, which therefore name their tables differently."""
    elsewhere = os.environ.get("CLIENTS_ENDPOINT")
    if elsewhere is not None:
        yield elsewhere
        return
    with standalone(tmp_path_factory.mktemp("clients"), "--partitions", "4") as server:
        yield server.endpoint


@pytest.fixture(scope="session")
def aws_environment(endpoint: str) -> Iterator[None]:
    """All that a program is told: an endpoint, a region, and keys; nothing of the files of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        environment.setenv("AWS_ENDPOINT_URL", endpoint)
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ACCESS_KEY_ID", "any")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "any")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield
