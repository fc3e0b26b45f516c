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
        beside = f"; health and metrics on port {settings.admin_port}" if settings.admin_port else ""
        sys.stderr.write(
            f"Stator serves the DynamoDB API on http://{settings.host}:{port} (data in {settings.data}{beside})\n"
        )
        sys.stderr.flush()

    return run_process(lambda on_failure: Standalone(settings, on_failure), ready=ready)
