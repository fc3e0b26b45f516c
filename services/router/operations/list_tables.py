"""ListTables: names in order, a page at a time, from the catalog in memory."""

from typing import Any

import msgspec

from ..http_messages import Response
from ..routing import Router

_PAGE_MAX = 100


def list_tables(request: dict[str, Any], router: Router) -> Response:
    """Tables of every status, as in AWS."""
    limit = request.get("Limit", _PAGE_MAX)
    start = request.get("ExclusiveStartTableName", "")
    names = sorted(name for name in router.catalog.tables if name > start)
    answer: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return Response(200, msgspec.json.encode(answer))
