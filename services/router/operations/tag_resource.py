"""TagResource: names and values that users attach to a table."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def tag_resource(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer, which has no body, leaves once this router's catalog shows it."""

    async def change() -> Response:
        done = await router.control("TagResource", request)
        return Response(done.status)

    return router.later(change())
