"""DescribeTimeToLive: whether a table's items expire, and by which attribute."""

from typing import Any

import msgspec

from stator.model.errors import ResourceNotFoundError, ValidationError
from stator.rules.table_descriptions import describe_time_to_live as description_of

from ..http_messages import Response
from ..routing import Router


def describe_time_to_live(request: dict[str, Any], router: Router) -> Response:
    """From the catalog in memory."""
    name = request["TableName"]
    table = router.catalog.table(name)
    if table is None:
        raise ResourceNotFoundError(f"Requested resource not found: Table: {name} not found")
    if table.status != "ACTIVE":
        raise ValidationError(
            f"Cannot describe time to live while table is in {table.status} state: Current table state is {table.status}"
        )
    return Response(200, msgspec.json.encode({"TimeToLiveDescription": description_of(table)}))
