"""DeleteTable: a table, its indexes and its logs go."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def delete_table(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer leaves once this router's catalog shows it."""
    return router.later(router.control("DeleteTable", request))
