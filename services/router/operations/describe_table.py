"""DescribeTable: the catalog's entry, with sizes as the views have them."""

import asyncio
from typing import Any

import msgspec

from stator.model.errors import DomainError, ResourceNotFoundError
from stator.model.positions import LogId
from stator.model.tables import Table
from stator.rules.commands import Size
from stator.rules.table_descriptions import describe_table as description_of

from ..http_messages import Response
from ..routing import Router


def describe_table(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Sizes are asked of the views; a view that does not answer in time counts as empty."""
    name = request["TableName"]
    table = router.catalog.table(name)
    if table is None:
        raise ResourceNotFoundError(f"Requested resource not found: Table: {name} not found")

    async def describe() -> Response:
        logs = table.logs if table.status == "ACTIVE" else ()
        sizes = await asyncio.gather(*(_size(router, log_id) for log_id in logs))
        body = description_of(table, dict(zip(logs, sizes, strict=True)))
        if table.restore is not None and not table.restore.finished:
            body["RestoreSummary"]["StatorProgress"] = await _progress(router, table)
        return Response(200, msgspec.json.encode({"Table": body}))

    return router.later(describe())


async def _progress(router: Router, table: Table) -> dict[str, int]:
    """For `stator restore`'s bar; SDKs pass over a member that they do not know."""
    try:
        steps = await router.restore_steps(table)
    except (DomainError, OSError, TimeoutError):
        return {"Done": 0, "Total": 1}
    return {"Done": steps.done, "Total": max(steps.total, 1)}


async def _size(router: Router, log_id: LogId) -> Size:
    try:
        return await router.size(log_id)
    except DomainError:
        return Size(0, 0, 0)
