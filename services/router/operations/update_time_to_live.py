"""UpdateTimeToLive: items that expire by an attribute, on or off."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def update_time_to_live(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer leaves once this router's catalog shows it."""
    return router.later(router.control("UpdateTimeToLive", request))
