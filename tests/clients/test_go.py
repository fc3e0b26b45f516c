"""The AWS SDK for Go v2."""

import json

from tests.clients.programs import TOOLS, fetched, run_program


def test_the_go_sdk_keeps_films(aws_environment: None) -> None:
    printed = run_program(fetched(TOOLS / "bin" / "films"))
    assert json.loads(printed) == {"pages": [10, 10, 5], "rated": ["film 17", "film 17"], "scanned": 16}
