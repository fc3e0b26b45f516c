"""The pages of the admin port, and the server that shows them. Imported by `admin.py` when somebody asks for the first time."""

import contextlib
from collections.abc import Iterator

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stator.runtime.metrics_page import METRICS_TYPE, metrics_page
from stator.runtime.version import version
from stator.runtime.vitals import Vitals

_INDEX = """Stator {version}
/healthz  the process lives
/readyz   it can do its work (503 and the reasons, if not)
/metrics  numbers for Prometheus
/status   tables, partitions, leaders, positions: what `stator status` shows
"""


class AdminServer(uvicorn.Server):
    """uvicorn in our loop: ending is our process's business, so it leaves the signals alone."""

    def __init__(self, vitals: Vitals) -> None:
        super().__init__(
            uvicorn.Config(
                _pages(vitals),
                http="h11",  # uvicorn bounds the size of a request's head only with this parser
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _pages(vitals: Vitals) -> Starlette:
    async def index(_: Request) -> Response:
        return PlainTextResponse(_INDEX.format(version=version()))

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        verdict = await vitals.health.verdict()
        return _json(verdict, 200 if verdict.ready else 503)

    async def metrics(_: Request) -> Response:
        await vitals.refresh()
        return Response(metrics_page(vitals), media_type=METRICS_TYPE)

    async def status(_: Request) -> Response:
        return _json(await vitals.status(), 200)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/status", status),
        ]
    )


def _json(value: object, status: int) -> Response:
    return Response(msgspec.json.encode(value) + b"\n", status, media_type="application/json")
