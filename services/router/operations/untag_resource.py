"""UntagResource: tags go; those that a table does not have are gone already."""

import asyncio
from typing import Any

from ..http_messages import Response
from ..routing import Router


def untag_resource(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Control does it; the answer, which has no body, leaves once this router's catalog shows it."""

    async def change() -> Response:
        done = await router.control("UntagResource", request)
        return Response(done.status)

    return router.later(change())
