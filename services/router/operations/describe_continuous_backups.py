"""DescribeContinuousBackups: what could be restored, and to when."""

from typing import Any

import msgspec

from stator.model.errors import TableNotFoundError
from stator.rules.table_descriptions import describe_backups

from ..http_messages import Response
from ..routing import Router


def describe_continuous_backups(request: dict[str, Any], router: Router) -> Response:
    """From the catalog in memory; the latest restorable time is now, since restores read the log's tail too."""
    table = router.catalog.table(request["TableName"])
    if table is None or table.status != "ACTIVE":
        raise TableNotFoundError(f"Table not found: {request['TableName']}")
    body = {"ContinuousBackupsDescription": describe_backups(table, router.clock.now_us())}
    return Response(200, msgspec.json.encode(body))
