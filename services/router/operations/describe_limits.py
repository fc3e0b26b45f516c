"""DescribeLimits: AWS's default quotas. Nothing here enforces them: there is one account and it is yours."""

from typing import Any

import msgspec

from ..http_messages import Response
from ..routing import Router

_LIMITS = msgspec.json.encode(
    {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }
)


def describe_limits(request: dict[str, Any], router: Router) -> Response:  # noqa: ARG001 - the same for everybody
    """Source: AWS developer guide, "Quotas"."""
    return Response(200, _LIMITS)
