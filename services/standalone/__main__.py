"""Starts a standalone server."""

import sys
from typing import cast

from stator.runtime.process import Service, run_process

from .settings import StandaloneSettings
from .wiring import Standalone


def serve(settings: StandaloneSettings) -> int:
    """Serve until told to stop; the exit code."""

    def ready(service: Service) -> None:
        port = cast("Standalone", service).http.port
        sys.stderr.write(f"Stator serves the DynamoDB API on http://{settings.host}:{port} (data in {settings.data})\n")
        sys.stderr.flush()

    return run_process(lambda on_failure: Standalone(settings, on_failure), ready=ready)
