"""DescribeEndpoints: where to send further requests, for SDKs with endpoint discovery: to where this one was sent."""

from collections.abc import Mapping

import msgspec

from ..http_messages import Response

_CACHE_MINUTES = 1440


def describe_endpoints(headers: Mapping[str, str]) -> Response:
    """The client's own `Host`: behind a port mapping or a load balancer nobody else knows the address that reaches us."""
    endpoint = {"Address": headers.get("host", "localhost"), "CachePeriodInMinutes": _CACHE_MINUTES}
    return Response(200, msgspec.json.encode({"Endpoints": [endpoint]}))
