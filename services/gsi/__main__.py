"""Starts an index worker of a cluster."""

import os
import sys

from stator.runtime.process import run_process

from .settings import GsiSettings
from .wiring import GsiProcess


def main() -> int:
    """Run until told to stop; the exit code."""
    return run_process(lambda on_failure: GsiProcess(GsiSettings.from_environment(os.environ), on_failure))


if __name__ == "__main__":
    sys.exit(main())
