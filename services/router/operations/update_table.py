"""UpdateTable: billing, stream and protection of a table that exists."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def update_table(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer leaves once this router's catalog shows it."""
    return router.later(router.control("UpdateTable", request))
