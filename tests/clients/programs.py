"""Programs that are not Python: where `make clients` puts what they need, and how a test runs one."""

import subprocess
from pathlib import Path

import pytest

from tools.supervised import ROOT

TOOLS = ROOT / ".tools"
HERE = Path(__file__).parent
PROGRAM_S = 120.0  # the slowest takes 5 s on an idle machine


def run_program(*command: str | Path, directory: Path | None = None) -> str:
    """Run a program to its end, which must be a good one; what it printed."""
    done = program_ended(*command, directory=directory)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def program_ended(*command: str | Path, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to whatever end."""
    return subprocess.run(
        list(map(str, command)), cwd=directory, capture_output=True, text=True, timeout=PROGRAM_S, check=False
    )


def fetched(path: Path) -> Path:
    """A part that `make clients` fetches or builds; without it the test fails, for a skipped client is an untested one."""
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing: make clients", pytrace=False)
    return path
