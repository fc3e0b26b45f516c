"""The AWS SDK for JavaScript v3, on the Node that comes from PyPI."""

import json
import shutil
import sys
from pathlib import Path

from tests.clients.programs import HERE, TOOLS, fetched, run_program


def test_the_javascript_sdk_keeps_comments(aws_environment: None, tmp_path: Path) -> None:
    """The program lies beside its node_modules, as Node wants it; both are far from the sources."""
    (tmp_path / "node_modules").symlink_to(fetched(TOOLS / "javascript" / "node_modules"))
    shutil.copy(HERE / "javascript" / "comments.mjs", tmp_path)
    printed = run_program(fetched(Path(sys.executable).with_name("node")), tmp_path / "comments.mjs")
    assert json.loads(printed) == {
        "comments": 12,
        "pages": [4, 4, 2],
        "index": [5, 3, 1, 11, 9, 7],
        "changes": {"INSERT": 13, "MODIFY": 1, "REMOVE": 2},
    }
