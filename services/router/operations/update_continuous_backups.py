"""UpdateContinuousBackups: point-in-time recovery on or off."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def update_continuous_backups(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer leaves once this router's catalog shows it."""
    return router.later(router.control("UpdateContinuousBackups", request))
