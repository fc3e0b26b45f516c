"""RestoreTableToPointInTime: a new table that is an old one as it was at an instant."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def restore_table_to_point_in_time(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer leaves once this router's catalog shows it."""
    return router.later(router.control("RestoreTableToPointInTime", request))
