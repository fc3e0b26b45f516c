"""Starts a streams process of a cluster."""

import os

from stator.runtime.process import run_process
from stator.runtime.settings import cluster_settings

from .wiring import StreamsProcess


def main() -> int:
    """Run until told to stop; the exit code."""
    return run_process(lambda on_failure: StreamsProcess(cluster_settings(os.environ), on_failure))
