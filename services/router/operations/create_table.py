"""CreateTable: a new table, ACTIVE as soon as its logs have a leader."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def create_table(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer leaves once this router's catalog shows it."""
    return router.later(router.control("CreateTable", request))
