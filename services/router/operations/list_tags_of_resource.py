"""ListTagsOfResource: a table's tags, from the catalog in memory."""

from typing import Any

import msgspec

from stator.model.errors import ResourceNotFoundError, ValidationError
from stator.rules.resource_arns import table_named_by

from ..http_messages import Response
from ..routing import Router


def list_tags_of_resource(request: dict[str, Any], router: Router) -> Response:
    """All of them at once, as AWS does: there are 50 at most, so nobody was ever given a token."""
    arn = request["ResourceArn"]
    table = router.catalog.table(table_named_by(arn))
    if table is None:
        raise ResourceNotFoundError(f"Requested resource not found: ResourcArn: {arn} not found")
    if "NextToken" in request:
        raise ValidationError("Invalid NextToken")
    tags = [{"Key": key, "Value": value} for key, value in table.tags]
    return Response(200, msgspec.json.encode({"Tags": tags}))
